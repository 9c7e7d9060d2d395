/* ESP32-S2: the facts of this chip that the drill needs. Addresses only; the code is in drill.c.
 * Sources, ESP-IDF v6.0.2: ROM functions components/esp_rom/esp32s2/ld, registers components/soc/esp32s2/register
 * and components/hal/esp32s2/include/hal/{mmu_ll,cache_ll}.h, memory components/esp_system/ld/esp32s2 and
 * components/bootloader/subproject/main/ld/esp32s2. */

#define CHIP_NAME "esp32s2"

#define MEM_DESC        0x3f000020 /* first mapped segment: data at file offset 0x20 */
#define MEM_MAPPED_PAGE 0x40080000 /* second mapped segment, on another bus: follows the first in the image */
#define MEM_CODE        0x40028000 /* above both caches at their largest; bootloader from 0x4004a000 */

#define UART_FIFO   0x60000000 /* UART_FIFO_AHB_REG(0) */
#define UART_STATUS 0x3f40001c /* UART_STATUS_REG(0) */

#define WDT_CONFIG   0x3f408094 /* RTC_CNTL_WDTCONFIG0_REG */
#define WDT_FEED     0x3f4080a8 /* RTC_CNTL_WDTFEED_REG */
#define WDT_WPROTECT 0x3f4080ac /* RTC_CNTL_WDTWPROTECT_REG */

#define BOOT_NOTE 0x3f4080c4 /* RTC_CNTL_STORE6_REG, ESP-IDF's RTC_RESET_CAUSE_REG */

#define MMU_TABLE     0x61801200 /* DR_REG_MMU_TABLE + PRO_CACHE_IBUS2_MMU_START, the entry of the first data page */
#define MMU_PAGE_MASK 0x3fff     /* SOC_MMU_VALID_VAL_MASK */

#define ROM_DELAY_US     0x4000d888 /* ets_delay_us */
#define ROM_RESET        0x40010068 /* software_reset */
#define ROM_ERASE_SECTOR 0x4001716c /* SPIEraseSector */
#define ROM_CACHE_OFF    0x40018c2c /* Cache_Disable_ICache */
#define ROM_CACHE_ON     0x40018cf8 /* Cache_Enable_ICache */
#define ROM_DCACHE_OFF   0x40018c68 /* Cache_Disable_DCache */
#define ROM_DCACHE_ON    0x40018d58 /* Cache_Enable_DCache */
