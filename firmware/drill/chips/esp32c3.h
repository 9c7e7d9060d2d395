/* ESP32-C3: the facts of this chip that the drill needs. Addresses only; the code is in drill.c.
 * Sources, ESP-IDF v6.0.2: ROM functions components/esp_rom/esp32c3/ld, registers components/soc/esp32c3/register
 * and components/hal/esp32c3/include/hal/{mmu_ll,cache_ll}.h, memory components/esp_system/ld/esp32c3 and
 * components/bootloader/subproject/main/ld/esp32c3. */

#define CHIP_NAME "esp32c3"

#define MEM_DESC   0x3c000020 /* first mapped segment: data at file offset 0x20 */
#define MEM_MAPPED 0x42010020 /* second mapped segment: the next page of 64 KiB, because both buses share the MMU entries */
#define MEM_CODE   0x40380000 /* above the cache; bootloader from 0x403cbf10 */

#define UART_FIFO   0x60000000 /* UART_FIFO_REG(0) */
#define UART_STATUS 0x6000001c /* UART_STATUS_REG(0) */

#define USB_EP1      0x60043000 /* USB_SERIAL_JTAG_EP1_REG */
#define USB_EP1_CONF 0x60043004 /* USB_SERIAL_JTAG_EP1_CONF_REG */

#define WDT_CONFIG   0x60008090 /* RTC_CNTL_WDTCONFIG0_REG */
#define WDT_FEED     0x600080a4 /* RTC_CNTL_WDTFEED_REG */
#define WDT_WPROTECT 0x600080a8 /* RTC_CNTL_WDTWPROTECT_REG */

#define BOOT_NOTE 0x600080c0 /* RTC_CNTL_STORE6_REG, ESP-IDF's RTC_RESET_CAUSE_REG */

#define MMU_TABLE     0x600c5000 /* DR_REG_MMU_TABLE, the entry of the first data page */
#define MMU_PAGE_MASK 0xff       /* SOC_MMU_VALID_VAL_MASK */

#define ROM_DELAY_US     0x40000050 /* ets_delay_us */
#define ROM_RESET        0x40000090 /* software_reset */
#define ROM_ERASE_SECTOR 0x40000128 /* esp_rom_spiflash_erase_sector */
#define ROM_CACHE_OFF    0x4000051c /* Cache_Disable_ICache */
#define ROM_CACHE_ON     0x40000520 /* Cache_Enable_ICache */
