/* ESP32: the facts of this chip that the drill needs. Addresses only; the code is in drill.c.
 * Sources, ESP-IDF v6.0.2: ROM functions components/esp_rom/esp32/ld, registers components/soc/esp32/register
 * and components/hal/esp32/include/hal/{mmu_ll,cache_ll}.h, memory components/esp_system/ld/esp32 and
 * components/bootloader/subproject/main/ld/esp32. */

#define CHIP_NAME "esp32"

#define MEM_DESC        0x3f400020 /* first mapped segment: data at file offset 0x20 */
#define MEM_MAPPED_PAGE 0x400d0000 /* second mapped segment, on another bus: follows the first in the image */
#define MEM_CODE        0x40080400 /* behind the vectors; the bootloader runs from 0x40078000 */

#define UART_FIFO   0x60000000 /* UART_FIFO_AHB_REG(0) */
#define UART_STATUS 0x3ff4001c /* UART_STATUS_REG(0) */

#define WDT_CONFIG   0x3ff4808c /* RTC_CNTL_WDTCONFIG0_REG */
#define WDT_FEED     0x3ff480a0 /* RTC_CNTL_WDTFEED_REG */
#define WDT_WPROTECT 0x3ff480a4 /* RTC_CNTL_WDTWPROTECT_REG */

/* The ROM of this chip has no erase function that works with every flash chip and wiring: ESP-IDF puts one of its own in
 * its place (Kconfig SPI_FLASH_ROM_DRIVER_PATCH). soc/spi_reg.h. */
#define SPI0 0x3ff43000
#define SPI1 0x3ff42000

#define BOOT_NOTE 0x3ff480b8 /* RTC_CNTL_STORE6_REG, ESP-IDF's RTC_RESET_CAUSE_REG */

#define MMU_TABLE     0x3ff10000 /* DR_REG_FLASH_MMU_TABLE_PRO, the entry of the first data page */
#define MMU_PAGE_MASK 0xff       /* SOC_MMU_MAX_PADDR_PAGE_NUM - 1; the bit above it is SOC_MMU_INVALID */

#define ROM_DELAY_US     0x40008534 /* ets_delay_us */
#define ROM_RESET        0x4000824c /* software_reset */
#define ROM_CACHE_OFF    0x40009ab8 /* Cache_Read_Disable_rom */
#define ROM_CACHE_FLUSH  0x40009a14 /* Cache_Flush_rom */
#define ROM_CACHE_ON     0x40009a84 /* Cache_Read_Enable_rom */
