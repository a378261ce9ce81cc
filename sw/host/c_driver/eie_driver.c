#include "eie_driver.h"

#include "eie_registers.h"

#define PIECE_BITS 32u
#define DEFAULT_PATIENCE 1000000u

uint32_t eie_memory_read(void *context, uint32_t address)
{
    return ((volatile uint32_t *)context)[address];
}

void eie_memory_write(void *context, uint32_t address, uint32_t value)
{
    ((volatile uint32_t *)context)[address] = value;
}

static uint32_t get(const eie_bus *bus, uint32_t address)
{
    return bus->read(bus->context, address);
}

static void put(const eie_bus *bus, uint32_t address, uint32_t value)
{
    bus->write(bus->context, address, value);
}

static uint32_t patience(const eie_bus *bus)
{
    return bus->patience ? bus->patience : DEFAULT_PATIENCE;
}

/* Waits until `mask` of STREAM_STATUS is not 0 and gives it, shifted down; 0 if that does not happen. */
static uint32_t wait_for(const eie_bus *bus, uint32_t shift, uint32_t mask)
{
    uint32_t looks;
    for (looks = 0; looks < patience(bus); looks++) {
        uint32_t amount = get(bus, EIE_REG_STREAM_STATUS) >> shift & mask;
        if (amount)
            return amount;
    }
    return 0;
}

/* Pieces on their way into the input stream; `room` is what is known to be free behind them. */
typedef struct {
    const eie_bus *bus;
    uint32_t room, held;
    uint32_t pieces[EIE_BURST];
} sender;

static sender sender_to(const eie_bus *bus)
{
    sender to;
    to.bus = bus;
    to.room = to.held = 0;
    return to;
}

static void put_pieces(const eie_bus *bus, const uint32_t *pieces, uint32_t count, int last)
{
    uint32_t at;
    if (bus->put) {
        bus->put(bus->context, pieces, count, last);
        return;
    }
    for (at = 0; at < count; at++)
        put(bus, last && at + 1 == count ? EIE_REG_STREAM_LAST : EIE_REG_STREAM_IN, pieces[at]);
}

static void get_pieces(const eie_bus *bus, uint32_t *pieces, uint32_t count)
{
    uint32_t at;
    if (bus->get) {
        bus->get(bus->context, pieces, count);
        return;
    }
    for (at = 0; at < count; at++) {
        pieces[at] = get(bus, EIE_REG_STREAM_OUT);
        put(bus, EIE_REG_STREAM_POP, 0);
    }
}

static uint32_t smaller(uint32_t one, uint32_t other)
{
    return one < other ? one : other;
}

/* A piece of the input stream; `last` ends the transfer. */
static int put_piece(sender *to, uint32_t piece, int last)
{
    uint32_t sent, count;
    to->pieces[to->held++] = piece;
    if (!last && to->held < EIE_BURST)
        return EIE_OK;
    for (sent = 0; sent < to->held; sent += count) {
        if (!to->room && !(to->room = wait_for(to->bus, 0, 0x7fffu)))
            return EIE_TIMEOUT;
        count = smaller(to->held - sent, to->room);
        put_pieces(to->bus, to->pieces + sent, count, last && sent + count == to->held);
        to->room -= count;
    }
    to->held = 0;
    return EIE_OK;
}

/* A start that overtook pieces still in the window would run without them. */
static int all_taken(const eie_bus *bus)
{
    return wait_for(bus, 15, 1u) ? EIE_OK : EIE_TIMEOUT;
}

static int send_pass(const eie_bus *bus, const eie_pass *pass)
{
    uint32_t at;
    sender to = sender_to(bus);
    for (at = 0; at < pass->count; at++)
        if (put_piece(&to, pass->pieces[at], at + 1 == pass->count))
            return EIE_TIMEOUT;
    return all_taken(bus);
}

static uint32_t pieces_per_word(const eie_network *network)
{
    return network->stream_bits / PIECE_BITS;
}

/* The input at a place of the input stream; 0 where there is none. */
static uint32_t input_of(const eie_network *network, const int16_t *inputs, uint32_t at)
{
    int32_t feature = network->input_at ? network->input_at[at] : at < network->in_features ? (int32_t)at : -1;
    return feature < 0 ? 0 : (uint16_t)inputs[feature];
}

/* The piece `place` of the stream word that carries `lanes` activations from `first` on. */
static uint32_t input_piece(const eie_network *network, const int16_t *inputs, uint32_t first, uint32_t place)
{
    uint32_t half, piece = 0;
    for (half = 0; half < 2 && 2 * place + half < network->lanes; half++)
        piece |= input_of(network, inputs, first + 2 * place + half) << 16 * half;
    return piece;
}

static int send_inputs(const eie_bus *bus, const eie_network *network, const int16_t *inputs)
{
    uint32_t words = network->in_rows * (network->pes / network->lanes);
    uint32_t word, place, pieces = pieces_per_word(network);
    sender to = sender_to(bus);
    for (place = 0; place < pieces; place++)
        if (put_piece(&to, place ? 0 : EIE_OPCODE_INPUT | network->in_rows << 8, 0))
            return EIE_TIMEOUT;
    for (word = 0; word < words; word++)
        for (place = 0; place < pieces; place++)
            if (put_piece(&to, input_piece(network, inputs, word * network->lanes, place),
                          word + 1 == words && place + 1 == pieces))
                return EIE_TIMEOUT;
    return all_taken(bus);
}

/* Gives every value of an output piece to the logical output that lies there. */
static void take_piece(const eie_network *network, int16_t *outputs, uint32_t word, uint32_t place, uint32_t piece)
{
    uint32_t half;
    for (half = 0; half < 2 && 2 * place + half < network->lanes; half++) {
        int32_t feature = network->feature_at[word * network->lanes + 2 * place + half];
        if (feature >= 0)
            outputs[feature] = (int16_t)(uint16_t)(piece >> 16 * half & 0xffffu);
    }
}

static int receive_outputs(const eie_bus *bus, const eie_network *network, int16_t *outputs)
{
    uint32_t pieces[EIE_BURST], per_word = pieces_per_word(network);
    uint32_t wanted = network->out_rows * (network->pes / network->lanes) * per_word;
    uint32_t taken, at, count;
    for (taken = 0; taken < wanted; taken += count) {
        uint32_t held = wait_for(bus, 16, 0x7fffu);
        if (!held)
            return EIE_TIMEOUT;
        count = smaller(smaller(held, wanted - taken), EIE_BURST);
        get_pieces(bus, pieces, count);
        for (at = 0; at < count; at++)
            take_piece(network, outputs, (taken + at) / per_word, (taken + at) % per_word, pieces[at]);
    }
    return EIE_OK;
}

static int check(const eie_bus *bus)
{
    return eie_error(bus, 0) ? EIE_ARRAY_ERROR : EIE_OK;
}

/* Waits until that bit of STATUS is 1; `status` is STATUS then. */
static int wait_until(const eie_bus *bus, uint32_t bit, uint32_t *status)
{
    uint32_t looks;
    for (looks = 0; looks < patience(bus); looks++) {
        *status = get(bus, EIE_REG_STATUS);
        if (*status & EIE_STATUS_ERROR_MASK)
            return EIE_ARRAY_ERROR;
        if (*status & bit)
            return EIE_OK;
    }
    return EIE_TIMEOUT;
}

/* Starts a run when the last words of the packets have been decoded: before, a start would be refused. */
static int start_and_wait(const eie_bus *bus, uint32_t resume, uint32_t hold)
{
    uint32_t status;
    int failed = wait_until(bus, EIE_STATUS_WAITING, &status);
    if (failed)
        return failed;
    put(bus, EIE_REG_CONTROL, 1u << EIE_CONTROL_START | resume << EIE_CONTROL_RESUME | hold << EIE_CONTROL_HOLD);
    failed = wait_until(bus, EIE_STATUS_DONE, &status);
    if (failed)
        return failed;
    return status & EIE_STATUS_OVERFLOW ? EIE_OVERFLOW : EIE_OK;
}

int eie_identify(const eie_bus *bus, const eie_network *network)
{
    if (get(bus, EIE_REG_ID) != EIE_ID_VALUE)
        return EIE_NOT_FOUND;
    if (get(bus, EIE_REG_VERSION) != EIE_VERSION || get(bus, EIE_REG_CONFIG_HASH) != network->fingerprint)
        return EIE_WRONG_ARRAY;
    return EIE_OK;
}

int eie_load(const eie_bus *bus, const eie_network *network)
{
    int failed = eie_identify(bus, network);
    if (!failed && network->passes_count == 1)
        failed = send_pass(bus, network->passes);
    return failed ? failed : check(bus);
}

/* The array takes the low bits of a wider number. */
static int inputs_fit(const eie_network *network, const int16_t *inputs)
{
    int32_t half = (int32_t)1 << (network->activation_bits - 1);
    uint32_t at;
    for (at = 0; at < network->in_features; at++)
        if (inputs[at] < -half || inputs[at] >= half)
            return 0;
    return 1;
}

int eie_run(const eie_bus *bus, const eie_network *network, const int16_t *inputs, int16_t *outputs)
{
    uint32_t pass;
    int failed = inputs_fit(network, inputs) ? EIE_OK : EIE_INPUT;
    if (!failed && network->passes_count > 1)
        failed = send_pass(bus, network->passes);
    if (!failed)
        failed = send_inputs(bus, network, inputs);
    for (pass = 0; !failed && pass < network->passes_count; pass++) {
        if (pass)
            failed = send_pass(bus, &network->passes[pass]);
        if (!failed)
            failed = start_and_wait(bus, pass > 0, pass + 1 < network->passes_count);
    }
    return failed ? failed : receive_outputs(bus, network, outputs);
}

eie_counters eie_read_counters(const eie_bus *bus)
{
    eie_counters counters;
    counters.cycles = get(bus, EIE_REG_CYCLES);
    counters.broadcasts = get(bus, EIE_REG_BROADCASTS);
    counters.stalls = get(bus, EIE_REG_STALLS);
    return counters;
}

uint32_t eie_pe_counter(const eie_bus *bus, uint32_t pe, uint32_t address)
{
    put(bus, EIE_REG_PE_SELECT, pe);
    return get(bus, address);
}

uint32_t eie_error(const eie_bus *bus, uint32_t *pe)
{
    uint32_t cause = (get(bus, EIE_REG_STATUS) & EIE_STATUS_ERROR_MASK) >> EIE_STATUS_ERROR_SHIFT;
    if (pe)
        *pe = get(bus, EIE_REG_ERROR_PE);
    return cause;
}

void eie_reset(const eie_bus *bus)
{
    put(bus, EIE_REG_CONTROL, 1u << EIE_CONTROL_RESET);
}
