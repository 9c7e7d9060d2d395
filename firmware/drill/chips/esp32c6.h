/* ESP32-C6: the facts of this chip that the drill needs. Addresses only; the code is in drill.c.
 * Sources, ESP-IDF v6.0.2: ROM functions components/esp_rom/esp32c6/ld, registers components/soc/esp32c6/register
 * and components/hal/esp32c6/include/hal/{mmu_ll,cache_ll}.h, memory components/esp_system/ld/esp32c6 and
 * components/bootloader/subproject/main/ld/esp32c6. */

#define CHIP_NAME "esp32c6"

#define MEM_DESC   0x42000020 /* first mapped segment: data at file offset 0x20 */
#define MEM_MAPPED 0x42010020 /* second mapped segment: the next page of 64 KiB */
#define MEM_CODE   0x40800000 /* bootloader from 0x4086b910 */

#define UART_FIFO   0x60000000 /* UART_FIFO_REG(0) */
#define UART_STATUS 0x6000001c /* UART_STATUS_REG(0) */

#define USB_EP1      0x6000f000 /* USB_SERIAL_JTAG_EP1_REG */
#define USB_EP1_CONF 0x6000f004 /* USB_SERIAL_JTAG_EP1_CONF_REG */

#define WDT_CONFIG   0x600b1c00 /* LP_WDT_CONFIG0_REG */
#define WDT_FEED     0x600b1c14 /* LP_WDT_FEED_REG */
#define WDT_WPROTECT 0x600b1c18 /* LP_WDT_WPROTECT_REG */

#define BOOT_NOTE 0x600b1018 /* LP_AON_STORE6_REG, ESP-IDF's RTC_RESET_CAUSE_REG */

#define MMU_INDEX          0x60002380                /* SPI_MEM_MMU_ITEM_INDEX_REG(0) */
#define MMU_CONTENT        0x6000237c                /* SPI_MEM_MMU_ITEM_CONTENT_REG(0) */
#define MMU_PAGE_MASK      0x1ff                     /* SOC_MMU_VALID_VAL_MASK */
#define MMU_PAGE_SIZE_REG  0x60002384                /* SPI_MEM_MMU_POWER_CTRL_REG(0) */
#define MMU_PAGE_BITS(reg) (16 - (((reg) >> 3) & 3)) /* 0: 64 KiB, 1: 32 KiB, 2: 16 KiB, 3: 8 KiB */

#define ROM_DELAY_US     0x40000040 /* ets_delay_us */
#define ROM_RESET        0x40000090 /* software_reset */
#define ROM_ERASE_SECTOR 0x40000144 /* esp_rom_spiflash_erase_sector */
#define ROM_CACHE_OFF    0x40000690 /* Cache_Disable_ICache */
#define ROM_CACHE_ON     0x40000694 /* Cache_Enable_ICache */
