/* Every input of eie_inputs.h through the network of eie_network.h, on the array of the SoC; the outputs as text. */
#include "csr.h"
#include "eie_driver.h"
#include "eie_inputs.h"
#include "eie_network.h"
#include "mem.h"

#define END_OF_TEXT 4

static void put(char letter)
{
    while (*(volatile uint32_t *)CSR_UART_TXFULL_ADDR)
        ;
    *(volatile uint32_t *)CSR_UART_RXTX_ADDR = (uint32_t)letter;
}

static void say(const char *text)
{
    while (*text)
        put(*text++);
}

static void number(int32_t value)
{
    char digits[10];
    uint32_t left = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    int count = 0;
    if (value < 0)
        put('-');
    do {
        digits[count++] = (char)('0' + left % 10u);
        left /= 10u;
    } while (left);
    while (count)
        put(digits[--count]);
}

int main(void)
{
    static const eie_bus bus = {eie_memory_read, eie_memory_write, (void *)EIE_BASE, 0, 0, 0};
    static int16_t outputs[EIE_OUTPUTS];
    int failed = eie_load(&bus, &eie_the_network);
    uint32_t i, j;
    for (i = 0; i < EIE_RUNS && !failed; i++) {
        failed = eie_run(&bus, &eie_the_network, eie_inputs[i], outputs);
        say("cycles ");
        number((int32_t)eie_read_counters(&bus).cycles);
        say(" outputs");
        for (j = 0; j < EIE_OUTPUTS; j++) {
            put(' ');
            number(outputs[j]);
        }
        put('\n');
    }
    say("code ");
    number(failed);
    put('\n');
    put(END_OF_TEXT);
    for (;;)
        ;
}
