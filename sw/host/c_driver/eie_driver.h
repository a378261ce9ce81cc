/* Driver of an EIE array behind its registers and stream window. C99, no dependencies, no allocation.
 *
 * A bus is two functions that access a 32-bit register by its word address (eie_registers.h); eie_serial.h makes one of
 * a serial line. A network is written by `eie driver NET.eie` as eie_network.h.
 */
#ifndef EIE_DRIVER_H
#define EIE_DRIVER_H

#include <stdint.h>

typedef struct {
    uint32_t (*read)(void *context, uint32_t address);
    void (*write)(void *context, uint32_t address, uint32_t value);
    void *context;
    uint32_t patience; /* looks at a register without progress before EIE_TIMEOUT; 0: a million */
    /* 0, or faster ways to EIE_REG_STREAM_IN (the last piece to EIE_REG_STREAM_LAST if `last`), and from
     * EIE_REG_STREAM_OUT with EIE_REG_STREAM_POP; 1 to EIE_BURST pieces for which there is room, or which are there. */
    void (*put)(void *context, const uint32_t *pieces, uint32_t count, int last);
    void (*get)(void *context, uint32_t *pieces, uint32_t count);
} eie_bus;

#define EIE_BURST 64u

/* Registers in the processor's address space: context is the address of the first one. */
uint32_t eie_memory_read(void *context, uint32_t address);
void eie_memory_write(void *context, uint32_t address, uint32_t value);

typedef struct {
    const uint32_t *pieces; /* of the pass's packets, 32 bits each, lowest first */
    uint32_t count;
} eie_pass;

typedef struct {
    uint32_t fingerprint; /* of the array that the network was laid out for */
    uint32_t pes;
    uint32_t stream_bits;
    uint32_t lanes; /* activations in a stream word */
    uint32_t activation_bits;
    uint32_t in_features;
    uint32_t in_rows; /* local activations per PE */
    uint32_t out_features;
    uint32_t out_rows;
    int32_t input_fraction_bits; /* an input of 1.0 is 1 << input_fraction_bits */
    int32_t output_fraction_bits;
    const int32_t *feature_at; /* which output lies at each of out_rows * pes places of the output stream; -1: none */
    const int32_t *input_at;   /* which input lies at each of in_rows * pes places; -1: 0; without it input i at i */
    const eie_pass *passes;
    uint32_t passes_count;
} eie_network;

typedef struct {
    uint32_t cycles, broadcasts, stalls;
} eie_counters;

enum {
    EIE_OK = 0,
    EIE_NOT_FOUND = -1,   /* what answers is not an array */
    EIE_WRONG_ARRAY = -2, /* the array is not the one that the network was laid out for */
    EIE_TIMEOUT = -3,     /* a stream stood still, or a run was not done */
    EIE_ARRAY_ERROR = -4, /* STATUS shows an error: see eie_error */
    EIE_OVERFLOW = -5,    /* a sum left its accumulator: the outputs are wrong */
    EIE_INPUT = -6        /* an input has more bits than the array's activations */
};

/* EIE_OK if the bus leads to the array that the network was laid out for. */
int eie_identify(const eie_bus *bus, const eie_network *network);

/* Loads the network. One of several passes is loaded pass by pass by every run, and here not at all. */
int eie_load(const eie_bus *bus, const eie_network *network);

/* One input through the loaded network: in_features values in, out_features out, fixed point of activation_bits bits. */
int eie_run(const eie_bus *bus, const eie_network *network, const int16_t *inputs, int16_t *outputs);

/* What the last run counted. */
eie_counters eie_read_counters(const eie_bus *bus);

/* A counter of one PE: EIE_REG_PE_ENTRIES and the ones after it. */
uint32_t eie_pe_counter(const eie_bus *bus, uint32_t pe, uint32_t address);

/* The error cause in STATUS, EIE_ERROR_NONE to ..., and the PE that reported it. */
uint32_t eie_error(const eie_bus *bus, uint32_t *pe);

/* A soft reset: stops whatever the array does; the network must be loaded again. */
void eie_reset(const eie_bus *bus);

#endif
