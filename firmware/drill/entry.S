/* Where the second-stage bootloader jumps to, and the way from our code into the boot ROM. */

    .section .text.entry, "ax"
    .global drill_entry

#ifdef __XTENSA__

/* The bootloader and the ROM are compiled with register windows, this program without (call0). The compiler for the
 * LX106 does not know the window instructions that the LX6 and LX7 have, so they are written as bytes here
 * (Xtensa ISA Reference Manual: RSR is 0x03_sr_t0, WSR is 0x13_sr_t0, CALLX4 is 0x00_0s_D0; special registers
 * 72 WINDOWBASE and 73 WINDOWSTART). */
    .macro rsr_windowbase_a2
    .byte 0x20, 0x48, 0x03
    .endm
    .macro wsr_windowstart_a3
    .byte 0x30, 0x49, 0x13
    .endm
    .macro callx4_a2
    .byte 0xd0, 0x02, 0x00
    .endm

    .align 4
drill_entry:
    rsil    a2, 5                   /* no interrupts */
    rsr_windowbase_a2               /* forget the windows of the bootloader: nothing returns to it */
    movi    a3, 1
    ssl     a2
    sll     a3, a3
    wsr_windowstart_a3
    rsync
    movi    a0, 0
    call0   drill

/* u32 rom_call(u32 function, u32 a, u32 b, u32 c): a windowed function, called by CALLX4. The callee sees our a6, a7, a8
 * as its arguments and owns our a4..a15; a0..a3 survive, so only a12..a15 have to be kept for our caller. */
    .text
    .align  4
    .global rom_call
rom_call:
    addi    a1, a1, -16
    s32i    a12, a1, 0
    s32i    a13, a1, 4
    s32i    a14, a1, 8
    s32i    a15, a1, 12
    mov     a6, a3
    mov     a7, a4
    mov     a8, a5
    callx4_a2
    mov     a2, a6
    l32i    a12, a1, 0
    l32i    a13, a1, 4
    l32i    a14, a1, 8
    l32i    a15, a1, 12
    addi    a1, a1, 16
    ret

#else

    .align 2
drill_entry:
    csrci   mstatus, 8              /* no interrupts */
    j       drill

#endif
