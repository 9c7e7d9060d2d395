/* ESP32-C5: the facts of this chip that the drill needs. Addresses only; the code is in drill.c.
 * Sources, ESP-IDF v6.0.2: ROM functions components/esp_rom/esp32c5/ld, registers components/soc/esp32c5/register
 * and components/hal/esp32c5/include/hal/{mmu_ll,cache_ll}.h, memory components/esp_system/ld/esp32c5 and
 * components/bootloader/subproject/main/ld/esp32c5. */

#define CHIP_NAME "esp32c5"

#define MEM_DESC   0x42000020 /* first mapped segment: data at file offset 0x20 */
#define MEM_MAPPED 0x42010020 /* second mapped segment: the next page of 64 KiB */
#define MEM_CODE   0x40800000 /* bootloader from 0x4084bba0 */

#define UART_FIFO   0x60000000 /* UART_FIFO_REG(0) */
#define UART_STATUS 0x6000001c /* UART_STATUS_REG(0) */

#define USB_EP1      0x6000f000 /* USB_SERIAL_JTAG_EP1_REG */
#define USB_EP1_CONF 0x6000f004 /* USB_SERIAL_JTAG_EP1_CONF_REG */

#define WDT_CONFIG   0x600b1c00 /* LP_WDT_CONFIG0_REG */
#define WDT_FEED     0x600b1c14 /* LP_WDT_FEED_REG */
#define WDT_WPROTECT 0x600b1c18 /* LP_WDT_WPROTECT_REG */

#define BOOT_NOTE 0x600b1018 /* LP_AON_STORE6_REG, ESP-IDF's RTC_RESET_CAUSE_REG */

#define MMU_INDEX     0x60002380 /* SPI_MEM_MMU_ITEM_INDEX_REG(0) */
#define MMU_CONTENT   0x6000237c /* SPI_MEM_MMU_ITEM_CONTENT_REG(0) */
#define MMU_PAGE_MASK 0x1ff      /* SOC_MMU_VALID_VAL_MASK */

#define ROM_DELAY_US     0x4000003c /* ets_delay_us */
#define ROM_RESET        0x40000094 /* software_reset */
#define ROM_ERASE_SECTOR 0x40000154 /* esp_rom_spiflash_erase_sector */
#define ROM_CACHE_OFF    0x400006ac /* Cache_Disable_Cache */
#define ROM_CACHE_ON     0x400006b0 /* Cache_Enable_Cache */
