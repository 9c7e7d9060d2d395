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
#define STAY_ROUNDS 60       /* of ten seconds, before everything is tried anew */
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

__attribute__((section(".mapped"), used)) const char mapped[] = "...";

/* What is stamped is read where it is mapped: the compiler only knows what was not stamped yet. */
static const struct app_desc *stamped(void)
{
    const struct app_desc *at = (const struct app_desc *)MEM_DESC;
    __asm__("" : "+r"(at));
    return at;
}

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
    /* Its first stage resets the system (3) and not the RTC too (4), which may lose the count of boots (*_WDT_STG0). */
    REG(WDT_CONFIG) = (REG(WDT_CONFIG) & ~(7u << 28)) | 3u << 28;
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
static void name(struct line *line, const char *s, u32 size)
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
static const u32 *map_flash(u32 from)
{
    u32 bits = page_bits();
    u32 entry = (read_mmu(0) & ~(u32)MMU_PAGE_MASK) | from >> bits;
    cache_off();
    write_mmu(WINDOW >> bits, entry);
    cache_on();
    __asm__ volatile("" ::: "memory"); /* what was read there before is something else now */
    return (const u32 *)(MEM_DESC - 0x20 + WINDOW + (from & ((1u << bits) - 1)));
}

#ifdef SPI1
/* One command of the flash controller, and then until the flash has finished it: a second at most. */
static void flash_command(u32 command)
{
    u32 polls = 100000;
    REG(SPI1) = command;                              /* SPI_CMD_REG: the bit goes when the command is sent */
    while (REG(SPI1) && --polls)
        delay_us(10);
    do {
        REG(SPI1 + 0x10) = 0;                         /* SPI_RD_STATUS_REG */
        REG(SPI1) = 1u << 27;                         /* SPI_FLASH_RDSR */
        while (REG(SPI1) && --polls)
            delay_us(10);
    } while ((REG(SPI1 + 0x10) & 1) && polls && --polls); /* write in progress */
}

static void erase_flash(u32 at)
{
    while ((REG(SPI1 + 0xf8) | REG(SPI0 + 0xf8)) & 7) /* SPI_EXT2_REG, SPI_ST: the cache's last read */
        ;
    u32 user = REG(SPI1 + 0x1c), user1 = REG(SPI1 + 0x20);
    REG(SPI1 + 0x1c) = user & ~(1u << 29);            /* SPI_USER_REG, no SPI_USR_DUMMY */
    REG(SPI1 + 0x20) = (user1 & 0x03ffffff) | 23u << 26; /* SPI_USER1_REG, addresses of 24 bits */
    flash_command(1u << 30);                          /* SPI_FLASH_WREN */
    REG(SPI1 + 4) = at;                               /* SPI_ADDR_REG */
    flash_command(1u << 24);                          /* SPI_FLASH_SE */
    REG(SPI1 + 0x1c) = user;
    REG(SPI1 + 0x20) = user1;
}
#else
static void erase_flash(u32 at)
{
    rom_call(ROM_ERASE_SECTOR, at / SECTOR, 0, 0);
}
#endif

static void erase_sector(u32 at)
{
    cache_off();
    erase_flash(at);
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
    u32 given_up;      /* an entry for this slot says ABORTED or INVALID */
};

/* Reads one table (32-byte rows: magic, type and subtype, offset, size, label, flags). */
static void read_table(struct place *place, u32 at)
{
    const u32 *row = map_flash(at);
    place->known = place->slots = place->has_factory = place->otadata = 0;
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
    u32 seq, state, valid, given_up, slot;
};

static void read_entry(struct entry *entry, u32 at, u32 slots)
{
    const u32 *words = map_flash(at);
    u32 seq = words[0], state = words[6];
    entry->seq = seq;
    entry->state = state;
    u32 is_whole = seq != 0xffffffff && words[7] == crc_of(seq);
    entry->given_up = is_whole && (state == INVALID || state == ABORTED);
    entry->valid = is_whole && !entry->given_up;
    entry->slot = seq - 1;
    divide(&entry->slot, slots);
}

/* Which otadata entry made the bootloader start this slot, by its own rule: the valid one with the higher ota_seq. */
static void read_otadata(struct place *place)
{
    place->selected = place->can_leave = place->given_up = 0;
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
    place->given_up = (first.given_up && first.slot == place->slot) || (second.given_up && second.slot == place->slot);
    /* With no valid entry at all the bootloader takes factory, or ota_0. */
    place->can_leave = place->has_factory || place->slot != 0 || (other->valid && other->slot != place->slot);
}

static void find_place(struct place *place)
{
    u32 table = 0x8000;
    place->offset = (read_mmu(0) & MMU_PAGE_MASK) << page_bits();
    /* 0x8000 unless the bootloader was built otherwise; a bigger one pushes it up by whole sectors. A table may be left of
     * an earlier layout, so one whose otadata selects this slot comes before the first that only names it. */
    for (u32 at = 0x20000; at >= 0x8000; at -= SECTOR) {
        read_table(place, at);
        read_otadata(place);
        if (place->selected)
            return;
        if (place->known)
            table = at;
    }
    read_table(place, table);
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
 * ROM leaves it alone, and ESP-IDF firmware that starts in between wipes it. Other firmware may not: the value holds
 * some bits of this trial beside the count, and another trial starts at 1 again. */
static u32 count_boot(const struct place *place)
{
    u32 trial = 0x5000 | ((place->seq ^ place->offset >> 16) & 0x7f) << 5, count = 1;
    u32 note = REG(BOOT_NOTE);
    if ((note | 0x1f001f) == (0x80000000 | (trial | 0x1f) << 16 | trial | 0x1f) && (note >> 16 & 0x1f) == (note & 0x1f))
        count = (note & 0x1f) + 1;
    /* The bootloader has just now written this down, and it will not let it pass a second time. */
    if (place->selected && place->state == PENDING_VERIFY)
        count = 1;
    if (count > 31)
        count = 31;
    REG(BOOT_NOTE) = 0x80000000 | (trial | count) << 16 | trial | count;
    return count;
}

static void forget_boots(void)
{
    REG(BOOT_NOTE) = 0;
}

static void say_who(struct line *line)
{
    begin(line);
    text(line, "project \"");
    name(line, stamped()->project_name, sizeof desc.project_name);
    text(line, "\", version \"");
    name(line, stamped()->version, sizeof desc.version);
    text(line, "\", secure_version ");
    number(line, stamped()->secure_version);
    text(line, ", chip " CHIP_NAME);
}

static void say_boot(struct line *line, u32 boot)
{
    text(line, ", boot ");
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

static void say_verdict(struct line *line, const struct place *place, u32 boot)
{
    u32 on_trial = place->state == NEW || place->state == PENDING_VERIFY;
    if (!place->selected) {
        if (place->given_up)
            say(line, "was rolled back: the other firmware does not start");
        return;
    }
    if (!on_trial && place->state != UNDEFINED)
        say(line, "not on trial: nothing is rolled back");
    else if (boot >= RESCUE_BOOT)
        say(line, "rollback is missing: an unconfirmed app is started again and again");
    else if (boot > 1)
        say(line, "started again: this bootloader does not roll back");
    else if (place->state == PENDING_VERIFY)
        say(line, "unconfirmed: the reset brings the previous firmware back");
    else if (place->state == NEW)
        say(line, "NEW still: this bootloader does not roll back");
    else
        say(line, "selected by firmware built without rollback");
}

static void say_all(struct line *line, const struct place *place, u32 boot)
{
    say_who(line);
    say_boot(line, boot);
    say_place(line, place);
    say_verdict(line, place, boot);
}

/* Nothing that this program may do helps. It must not wear out the flash, so it stays reachable; after ten minutes it tries
 * everything anew. */
static void stay(struct line *line, const struct place *place, u32 boot)
{
    for (u32 round = 0; round < STAY_ROUNDS; round++) {
        say_all(line, place, boot);
        say(line, place->can_leave ? "clearing otadata did not help" : "otadata names no other firmware");
        say(line, "stays here: flash it by cable");
        sleep_tenths(100);
    }
    forget_boots();
}

/* The third boot: takes away the otadata entry that selects this slot, if the bootloader then starts something else. */
static void rescue(struct line *line, struct place *place, u32 boot)
{
    if (!place->selected || !place->can_leave || boot > LAST_RESCUE_BOOT) {
        stay(line, place, boot);
        return;
    }
    u32 sector = place->sector, is_there = 1;
    begin(line);
    text(line, "clears otadata sector ");
    number(line, sector);
    text(line, ": the previous firmware comes back\r\n");
    erase_sector(place->otadata + sector * SECTOR);
    for (u32 tries = 0; is_there && tries < 10; tries++) {
        sleep_tenths(1);
        read_otadata(place);
        is_there = place->selected && place->sector == sector;
    }
    say(line, is_there ? "the sector was not cleared" : "the sector is clear");
    if (!is_there)
        forget_boots();
}

/* Comes from entry.S, never returns. */
__attribute__((noreturn, used)) void drill(void)
{
    struct line line = {.ports = TO_UART | TO_USB};
    struct place place;

    feed_watchdog();
    text(&line, "\r\n");
    say_who(&line); /* before anything else can go wrong */
    place.seq = 0;
    find_place(&place);
    u32 boot = count_boot(&place);
    say_boot(&line, boot);
    say_place(&line, &place);
    say_verdict(&line, &place, boot);
    if (boot >= RESCUE_BOOT)
        rescue(&line, &place, boot);

    sleep_tenths(WAIT_TENTHS - 10);
    line.ports = TO_USB; /* a host may have needed until now to open the port again */
    say_all(&line, &place, boot);
    line.ports = TO_UART | TO_USB;
    sleep_tenths(10);
    reset(&line);
    for (;;)
        ;
}
