/* A serial line as the bus of an array on a board without a processor. C99, no dependencies, no allocation. */
#ifndef EIE_SERIAL_H
#define EIE_SERIAL_H

#include "eie_driver.h"

/* Both functions move all bytes and return 0; anything else, a timeout of `get` above all, means that the line failed. */
typedef struct {
    int (*put)(void *context, const uint8_t *bytes, uint32_t count);
    int (*get)(void *context, uint8_t *bytes, uint32_t count);
    void *context;
    int failed; /* 0; set when the line failed or an answer was none: from then on every register reads 0 */
} eie_line;

/* The bus over a line (8 data bits, no parity, one stop bit) that lives as long as the bus. */
eie_bus eie_serial_bus(eie_line *line);

#endif
