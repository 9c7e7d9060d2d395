/* ESP32-P4: the facts of this chip that the drill needs. Addresses only; the code is in drill.c.
 * Sources, ESP-IDF v6.0.2: ROM functions components/esp_rom/esp32p4/ld (both files agree), registers
 * components/soc/esp32p4/register (hw_ver1 and hw_ver3 agree) and components/hal/esp32p4/include/hal/{mmu_ll,cache_ll}.h,
 * memory components/esp_system/ld/esp32p4 and components/bootloader/subproject/main/ld/esp32p4. */

/* MEM_CODE has to be memory on every revision. Before v3.0 the bootloader and the ROM end at 0x4ff40000 and the L2 cache
 * is the end of memory; from v3.0 on the cache is its start (0x4ff00000) and the bootloader begins at 0x4ffab2c0. So
 * 0x4ff40000 is free on both with a cache of 128 KiB (the default) or 256 KiB, and on neither with 512 KiB. */

#define CHIP_NAME "esp32p4"

#define MEM_DESC   0x40000020 /* first mapped segment: data at file offset 0x20 */
#define MEM_MAPPED 0x40010020 /* second mapped segment: the next page of 64 KiB */
#define MEM_CODE   0x4ff40000 /* see above */

#define UART_FIFO   0x500ca000 /* UART_FIFO_REG(0) */
#define UART_STATUS 0x500ca01c /* UART_STATUS_REG(0) */

#define USB_EP1      0x500d2000 /* USB_SERIAL_JTAG_EP1_REG */
#define USB_EP1_CONF 0x500d2004 /* USB_SERIAL_JTAG_EP1_CONF_REG */

#define WDT_CONFIG   0x50116000 /* LP_WDT_CONFIG0_REG */
#define WDT_FEED     0x50116014 /* LP_WDT_FEED_REG */
#define WDT_WPROTECT 0x50116018 /* LP_WDT_WPROTECT_REG */

#define BOOT_NOTE 0x50110044 /* LP_SYSTEM_REG_LP_STORE6_REG, ESP-IDF's RTC_RESET_CAUSE_REG */

#define MMU_INDEX     0x5008c380 /* SPI_MEM_C_MMU_ITEM_INDEX_REG */
#define MMU_CONTENT   0x5008c37c /* SPI_MEM_C_MMU_ITEM_CONTENT_REG */
#define MMU_PAGE_MASK 0x7ff      /* SOC_MMU_FLASH_VALID_VAL_MASK */

#define ROM_DELAY_US         0x4fc0003c /* ets_delay_us */
#define ROM_RESET            0x4fc00094 /* software_reset */
#define ROM_ERASE_SECTOR     0x4fc0014c /* esp_rom_spiflash_erase_sector */
#define ROM_CACHE_OFF        0x4fc00500 /* Cache_Disable_L2_Cache */
#define ROM_CACHE_ON         0x4fc00504 /* Cache_Enable_L2_Cache */
#define ROM_CACHE_INVALIDATE 0x4fc003e4 /* Cache_Invalidate_Addr */
#define CACHE_INVALIDATE_MAP 0x30       /* CACHE_MAP_L1_DCACHE | CACHE_MAP_L2_CACHE */
