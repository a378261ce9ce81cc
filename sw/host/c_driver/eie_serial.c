#include "eie_serial.h"

#include "eie_registers.h"

#define WORD_BYTES 4u

/* Sends a command and takes its answer. */
static void ask(eie_line *line, const uint8_t *command, uint32_t count, uint8_t *answer, uint32_t answered)
{
    if (!line->failed && (line->put(line->context, command, count) || line->get(line->context, answer, answered)))
        line->failed = 1;
}

static void ask_until_done(eie_line *line, const uint8_t *command, uint32_t count)
{
    uint8_t answer = EIE_SERIAL_DONE;
    ask(line, command, count, &answer, 1);
    if (answer != EIE_SERIAL_DONE)
        line->failed = 1;
}

static void to_bytes(uint8_t *bytes, uint32_t word)
{
    uint32_t at;
    for (at = 0; at < WORD_BYTES; at++)
        bytes[at] = (uint8_t)(word >> 8 * at);
}

static uint32_t from_bytes(const uint8_t *bytes)
{
    uint32_t at, word = 0;
    for (at = 0; at < WORD_BYTES; at++)
        word |= (uint32_t)bytes[at] << 8 * at;
    return word;
}

static uint32_t serial_read(void *context, uint32_t address)
{
    uint8_t answer[WORD_BYTES] = {0}, command[2] = {EIE_SERIAL_READ, 0};
    eie_line *line = context;
    command[1] = (uint8_t)address;
    ask(line, command, sizeof command, answer, sizeof answer);
    return line->failed ? 0 : from_bytes(answer);
}

static void serial_write(void *context, uint32_t address, uint32_t value)
{
    uint8_t command[2 + WORD_BYTES] = {EIE_SERIAL_WRITE};
    command[1] = (uint8_t)address;
    to_bytes(command + 2, value);
    ask_until_done(context, command, sizeof command);
}

static void serial_put(void *context, const uint32_t *pieces, uint32_t count, int last)
{
    uint8_t command[2 + WORD_BYTES * EIE_BURST];
    uint32_t at;
    command[0] = last ? EIE_SERIAL_SEND_LAST : EIE_SERIAL_SEND;
    command[1] = (uint8_t)count;
    for (at = 0; at < count; at++)
        to_bytes(command + 2 + WORD_BYTES * at, pieces[at]);
    ask_until_done(context, command, 2 + WORD_BYTES * count);
}

static void serial_get(void *context, uint32_t *pieces, uint32_t count)
{
    uint8_t answer[WORD_BYTES * EIE_BURST] = {0}, command[2] = {EIE_SERIAL_GET, 0};
    eie_line *line = context;
    uint32_t at;
    command[1] = (uint8_t)count;
    ask(line, command, sizeof command, answer, WORD_BYTES * count);
    for (at = 0; at < count; at++)
        pieces[at] = line->failed ? 0 : from_bytes(answer + WORD_BYTES * at);
}

eie_bus eie_serial_bus(eie_line *line)
{
    eie_bus bus;
    bus.read = serial_read;
    bus.write = serial_write;
    bus.put = serial_put;
    bus.get = serial_get;
    bus.context = line;
    bus.patience = 0;
    return bus;
}
