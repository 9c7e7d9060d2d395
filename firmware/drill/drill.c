/* The rollback drill: a firmware that is meant to fail. It says who it is, waits, and resets without marking itself valid.
 * A device that rolls back starts its previous firmware next. One that does not is rescued on the third boot.
 *
 * One source for all chips; what differs between them is in chips/<chip>.h, which the Makefile includes first.
 * The code runs from internal memory, its strings are read through the flash cache, its variables live on the stack. */

typedef unsigned int u32;
typedef unsigned char u8;

#define REG(address) (*(volatile u32 *)(address))

#define WAIT_TENTHS 30       /* from the last line to the reset */
#define RESCUE_BOOT 3        /* the boot on which rollback counts as missing */
#define LAST_RESCUE_BOOT 5   /* after that, clearing otadata has not helped and is not tried again */
#define SECTOR 0x1000

/* esp_app_desc_t (ESP-IDF, esp_app_desc.h). ota-build stamps version, project and secure_version into the image;
 * app_elf_sha256 stays zero here for whoever makes the image. */
struct app_desc {
    u32 magic;
    u32 secure_version;
    u32 reserved1[2];
    char version[32];
    char project_name[32];
    char time[16];
    char date[16];
    char idf_ver[32];
    u8 app_elf_sha256[32];
    u8 min_efuse_blk_rev[2];
    u8 max_efuse_blk_rev[2];
    u8 mmu_page_size; /* 0: the bootloader's */
    u8 reserved3[3];
    u32 reserved2[18];
};

__attribute__((section(".desc"), used)) const struct app_desc desc = {
    .magic = 0xabcd5432,
    .version = "unstamped",
    .project_name = "ota-build-drill",
    .idf_ver = "ota-build drill",
};

__attribute__((section(".mapped"), used)) const char mapped[] = "ota-build drill: no code is here";

/* What is stamped is read where it is mapped: the compiler only knows what was not stamped yet. */
#define DESC ((const volatile struct app_desc *)MEM_DESC)

/* ---- the boot ROM ---- */

#ifdef __XTENSA__
u32 rom_call(u32 function, u32 a, u32 b, u32 c);
#else
static u32 rom_call(u32 function, u32 a, u32 b, u32 c)
{
    return ((u32(*)(u32, u32, u32))function)(a, b, c);
}
#endif

static void delay_us(u32 us)
{
    rom_call(ROM_DELAY_US, us, 0, 0);
}

/* The bootloader leaves the RTC watchdog running (9 s by default). It is fed, not stopped: should this program hang, the
 * watchdog is what brings the device back. The super watchdog feeds itself since the bootloader (bootloader_<chip>.c,
 * bootloader_super_wdt_auto_feed). The key is RTC_CNTL_WDT_WKEY_VALUE and LP_WDT_WKEY_VALUE, the bit *_WDT_FEED. */
static void feed_watchdog(void)
{
    REG(WDT_WPROTECT) = 0x50d83aa1;
    REG(WDT_FEED) = 1u << 31;
    REG(WDT_WPROTECT) = 0;
}

static void sleep_tenths(u32 tenths)
{
    for (; tenths; tenths--) {
        feed_watchdog();
        delay_us(100000);
    }
}

/* ---- the serial line: UART0 as ROM and bootloader set it up, and USB-Serial-JTAG where the chip has it ---- */

enum { TO_UART = 1, TO_USB = 2 };

struct line {
    u32 ports;      /* to write to */
    u32 dead;       /* of those, the ones that took nothing for too long; tried again on the next line */
    u32 usb_filled; /* characters since the USB buffer (64 bytes) was last sent */
};

static int wait_uart(u32 most)
{
    for (u32 polls = 2000; polls; polls--) {
        if (((REG(UART_STATUS) >> 16) & 0xff) <= most)
            return 1;
        delay_us(10);
    }
    return 0;
}

static void put_uart(struct line *line, char c)
{
    if (wait_uart(100)) /* of 128 */
        REG(UART_FIFO) = (u8)c;
    else
        line->dead |= TO_UART;
}

#ifdef USB_EP1
static void put_usb(struct line *line, char c)
{
    for (u32 polls = 2000; !(REG(USB_EP1_CONF) & 2); polls--) { /* SERIAL_IN_EP_DATA_FREE */
        if (!polls) { /* no host reads */
            line->dead |= TO_USB;
            return;
        }
        delay_us(10);
    }
    REG(USB_EP1) = (u8)c;
    if (c == '\n' || ++line->usb_filled == 60) {
        REG(USB_EP1_CONF) = 1; /* WR_DONE */
        line->usb_filled = 0;
    }
}
#endif

static void put(struct line *line, char c)
{
    u32 ports = line->ports & ~line->dead;
    if (ports & TO_UART)
        put_uart(line, c);
#ifdef USB_EP1
    if (ports & TO_USB)
        put_usb(line, c);
#endif
}

static void text(struct line *line, const char *s)
{
    while (*s)
        put(line, *s++);
}

/* A name that is not ours: up to its NUL or size, what cannot be printed as '?'. */
static void name(struct line *line, const volatile char *s, u32 size)
{
    for (; size && *s; size--, s++)
        put(line, *s < ' ' || *s > '~' ? '?' : *s);
}

/* Division without the compiler's library: quotient, and the remainder through *value. */
static u32 divide(u32 *value, u32 by)
{
    u32 quotient = 0, rest = 0;
    for (int bit = 31; bit >= 0; bit--) {
        rest = rest << 1 | ((*value >> bit) & 1);
        if (rest >= by) {
            rest -= by;
            quotient |= 1u << bit;
        }
    }
    *value = rest;
    return quotient;
}

static void number(struct line *line, u32 value)
{
    char digits[10];
    u32 n = 0;
    do {
        u32 digit = value;
        value = divide(&digit, 10);
        digits[n++] = (char)('0' + digit);
    } while (value);
    while (n)
        put(line, digits[--n]);
}

static void hex(struct line *line, u32 value)
{
    int shift = 28;
    text(line, "0x");
    while (shift && !(value >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        put(line, (char)(((value >> shift) & 15) + (((value >> shift) & 15) < 10 ? '0' : 'a' - 10)));
}

static void begin(struct line *line)
{
    line->dead = 0;
    text(line, "ota-build drill: ");
}

static void say(struct line *line, const char *sentence)
{
    begin(line);
    text(line, sentence);
    text(line, "\r\n");
}

/* ---- flash through the cache, as the bootloader reads it: decrypted where flash encryption is on ---- */

#define WINDOW 0x20000 /* from the first data page: a page that neither of our segments is in, whatever the page size */

#ifdef MMU_INDEX
static u32 read_mmu(u32 entry)
{
    REG(MMU_INDEX) = entry;
    return REG(MMU_CONTENT);
}
static void write_mmu(u32 entry, u32 value)
{
    REG(MMU_INDEX) = entry;
    REG(MMU_CONTENT) = value;
}
#else
static u32 read_mmu(u32 entry)
{
    return REG(MMU_TABLE + 4 * entry);
}
static void write_mmu(u32 entry, u32 value)
{
    REG(MMU_TABLE + 4 * entry) = value;
}
#endif

static u32 page_bits(void)
{
#ifdef MMU_PAGE_SIZE_REG
    u32 reg = REG(MMU_PAGE_SIZE_REG);
    return MMU_PAGE_BITS(reg);
#else
    return 16;
#endif
}

/* Between these two no string may be touched: the cache is off. Switching it off also empties it. */
static void cache_off(void)
{
    rom_call(ROM_CACHE_OFF, 0, 0, 0);
#ifdef ROM_CACHE_FLUSH
    rom_call(ROM_CACHE_FLUSH, 0, 0, 0);
#endif
#ifdef ROM_DCACHE_OFF
    rom_call(ROM_DCACHE_OFF, 0, 0, 0);
#endif
}

static void cache_on(void)
{
#ifdef ROM_CACHE_INVALIDATE
    rom_call(ROM_CACHE_INVALIDATE, CACHE_INVALIDATE_MAP, MEM_DESC - 0x20 + WINDOW, 0x10000);
#endif
    rom_call(ROM_CACHE_ON, 0, 0, 0);
#ifdef ROM_DCACHE_ON
    rom_call(ROM_DCACHE_ON, 0, 0, 0);
#endif
}

/* The page that holds the flash address `from`, mapped; good until the next call. The entry is that of our own first page
 * with another page number, so that the bits for valid, flash and encrypted are what the bootloader found right. */
static const volatile u32 *map_flash(u32 from)
{
    u32 bits = page_bits();
    u32 entry = (read_mmu(0) & ~(u32)MMU_PAGE_MASK) | from >> bits;
    cache_off();
    write_mmu(WINDOW >> bits, entry);
    cache_on();
    return (const volatile u32 *)(MEM_DESC - 0x20 + WINDOW + (from & ((1u << bits) - 1)));
}

static void erase_sector(u32 at)
{
    cache_off();
    rom_call(ROM_ERASE_SECTOR, at / SECTOR, 0, 0);
    write_mmu(WINDOW >> page_bits(), read_mmu(0)); /* elsewhere: emulators look at flash again when the page changes */
    cache_on();
}

/* ---- where this runs: the partition table and otadata ---- */

enum { NEW = 0, PENDING_VERIFY = 1, VALID = 2, INVALID = 3, ABORTED = 4, UNDEFINED = 0xffffffff };
enum { NOT_OTA = 0x100 };

struct place {
    u32 offset;        /* of the image in flash, from the MMU */
    u32 known;         /* a partition table names it */
    u32 label[4];      /* 16 characters */
    u32 slot;          /* n of ota_n, or NOT_OTA */
    u32 slots;         /* ota_* partitions, as the bootloader counts them */
    u32 has_factory;   /* another app for the bootloader to start without otadata */
    u32 otadata;       /* offset, or 0 */
    u32 selected;      /* an otadata entry selects this slot */
    u32 sector;        /* which: 0 or 1 */
    u32 seq, state;    /* what it says */
    u32 can_leave;     /* without that entry the bootloader starts something else */
};

/* Reads one table (32-byte rows: magic, type and subtype, offset, size, label, flags). True when it names our slot. */
static int read_table(struct place *place, u32 at)
{
    const volatile u32 *row = map_flash(at);
    place->slots = place->has_factory = place->otadata = 0;
    for (u32 i = 0; i < 96 && (row[0] & 0xffff) == 0x50aa; i++, row += 8) {
        u32 type = (row[0] >> 16) & 0xff, subtype = row[0] >> 24;
        u32 is_slot = type == 0 && (subtype & 0xf0) == 0x10;
        if (is_slot)
            place->slots++;
        if (type == 1 && subtype == 0 && row[2] >= 2 * SECTOR)
            place->otadata = row[1];
        if (type == 0 && row[1] == place->offset) {
            place->known = 1;
            place->slot = is_slot ? subtype & 15 : NOT_OTA;
            for (u32 k = 0; k < 4; k++)
                place->label[k] = row[3 + k];
        } else if (type == 0 && subtype == 0) {
            place->has_factory = 1;
        }
    }
    return place->known;
}

/* ESP-IDF's crc of an otadata entry: CRC-32 of the four bytes of ota_seq with an initial register of 0. */
static u32 crc_of(u32 seq)
{
    u32 crc = seq;
    for (int bit = 0; bit < 32; bit++)
        crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    return ~crc;
}

struct entry {
    u32 seq, state, valid, slot;
};

static void read_entry(struct entry *entry, u32 at, u32 slots)
{
    const volatile u32 *words = map_flash(at);
    u32 seq = words[0], state = words[6];
    entry->seq = seq;
    entry->state = state;
    entry->valid = seq != 0xffffffff && state != INVALID && state != ABORTED && words[7] == crc_of(seq);
    entry->slot = seq - 1;
    divide(&entry->slot, slots);
}

/* Which otadata entry made the bootloader start this slot, by its own rule: the valid one with the higher ota_seq. */
static void read_otadata(struct place *place)
{
    place->selected = place->can_leave = 0;
    if (!place->known || !place->otadata || place->slot == NOT_OTA)
        return;
    struct entry first, second;
    read_entry(&first, place->otadata, place->slots);
    read_entry(&second, place->otadata + SECTOR, place->slots);
    place->sector = second.valid && (!first.valid || second.seq > first.seq);
    struct entry *active = place->sector ? &second : &first, *other = place->sector ? &first : &second;
    place->selected = active->valid && active->slot == place->slot;
    place->seq = active->seq;
    place->state = active->state;
    /* With no valid entry at all the bootloader takes factory, or ota_0. */
    place->can_leave = place->has_factory || place->slot != 0 || (other->valid && other->slot != place->slot);
}

static void find_place(struct place *place)
{
    place->known = 0;
    place->offset = (read_mmu(0) & MMU_PAGE_MASK) << page_bits();
    /* 0x8000 unless the bootloader was built otherwise; a bigger one pushes it up by whole sectors. */
    for (u32 at = 0x8000; at <= 0x20000; at += SECTOR)
        if (read_table(place, at))
            break;
    read_otadata(place);
}

static void say_place(struct line *line, const struct place *place)
{
    begin(line);
    text(line, "runs from ");
    if (place->known)
        name(line, (const char *)place->label, 16);
    else
        text(line, "an unknown slot");
    text(line, " at ");
    hex(line, place->offset);
    if (place->selected) {
        text(line, ", otadata sector ");
        number(line, place->sector);
        text(line, " says seq ");
        number(line, place->seq);
        text(line, place->state == NEW              ? " NEW"
                   : place->state == PENDING_VERIFY ? " PENDING_VERIFY"
                   : place->state == VALID          ? " VALID"
                   : place->state == UNDEFINED      ? " UNDEFINED"
                                                    : " in an unknown state");
    } else {
        text(line, ", which no otadata entry selects");
    }
    text(line, "\r\n");
}

/* ---- the drill ---- */

/* Counts boots in the register in which ESP-IDF leaves itself a note about a reset, and in ESP-IDF's form: bit 31, and a
 * 15-bit value twice (esp_system/port/soc/<chip>/reset_reason.c). So it survives a reset but not a loss of power, the
 * ROM leaves it alone, and every ESP-IDF firmware that starts in between wipes it: what is counted is boots of drills
 * with no other firmware between them. */
static u32 count_boot(void)
{
    u32 note = REG(BOOT_NOTE), count = 1;
    if ((note | 0xff00ff) == 0xddff5dff && (note >> 16 & 0xff) == (note & 0xff))
        count = (note & 0xff) + 1;
    if (count > 99)
        count = 99;
    REG(BOOT_NOTE) = 0x80000000 | (0x5d00 | count) << 16 | (0x5d00 | count);
    return count;
}

static void say_who(struct line *line, u32 boot)
{
    begin(line);
    text(line, "project \"");
    name(line, DESC->project_name, sizeof desc.project_name);
    text(line, "\", version \"");
    name(line, DESC->version, sizeof desc.version);
    text(line, "\", secure_version ");
    number(line, DESC->secure_version);
    text(line, ", chip " CHIP_NAME ", boot ");
    number(line, boot);
    text(line, "\r\n");
}

static void reset(struct line *line)
{
    say(line, "resets");
    wait_uart(0);
    delay_us(20000); /* the last characters leave the shift register and the USB buffer */
    rom_call(ROM_RESET, 0, 0, 0);
    for (;;) /* and if that did not work, the watchdog does it */
        ;
}

/* Nothing that this program may do helps. It must not wear out the flash or reset for ever, so it stays reachable. */
static void stay(struct line *line, u32 boot, const char *why)
{
    for (;;) {
        say_who(line, boot);
        say(line, why);
        say(line, "stays here; write a firmware over the serial port");
        sleep_tenths(100);
    }
}

/* The third boot: takes away the otadata entry that selects this slot, if the bootloader then starts something else. */
static void rescue(struct line *line, struct place *place, u32 boot)
{
    if (!place->selected)
        stay(line, boot, "no otadata entry selects this slot, there is nothing to clear");
    if (!place->can_leave)
        stay(line, boot, "there is no other firmware to go back to");
    if (boot > LAST_RESCUE_BOOT)
        stay(line, boot, "clearing otadata did not help");
    begin(line);
    text(line, "clears otadata sector ");
    number(line, place->sector);
    text(line, ", so that the previous firmware comes back\r\n");
    erase_sector(place->otadata + place->sector * SECTOR);
    u32 sector = place->sector;
    read_otadata(place);
    say(line, place->selected && place->sector == sector ? "the sector could not be cleared" : "the sector is clear");
}

static void say_verdict(struct line *line, const struct place *place, u32 boot)
{
    u32 on_trial = place->selected && (place->state == NEW || place->state == PENDING_VERIFY);
    if (!on_trial)
        say(line, "this slot is not on trial, so a bootloader has nothing to roll back");
    else if (boot == 1)
        say(line, "will not mark itself valid; a bootloader with rollback starts the previous firmware after the reset");
    else if (boot < RESCUE_BOOT)
        say(line, "started again after its own reset: this bootloader does not roll back");
    else
        say(line, "rollback is missing: the bootloader keeps starting an app that never marked itself valid");
}

/* Comes from entry.S, never returns. */
__attribute__((noreturn, used)) void drill(void)
{
    struct line line = {.ports = TO_UART | TO_USB};
    struct place place;
    u32 boot = count_boot();

    feed_watchdog();
    text(&line, "\r\n");
    say_who(&line, boot);
    find_place(&place);
    say_place(&line, &place);
    say_verdict(&line, &place, boot);
    if (boot >= RESCUE_BOOT)
        rescue(&line, &place, boot);

    sleep_tenths(WAIT_TENTHS - 10);
    line.ports = TO_USB; /* a host may have needed until now to open the port again */
    say_who(&line, boot);
    line.ports = TO_UART | TO_USB;
    sleep_tenths(10);
    reset(&line);
    for (;;)
        ;
}
