#ifndef TAPEDESK_CHECKSUM_H
#define TAPEDESK_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/// CRC32C (Castagnoli, reflected polynomial 0x82F63B78; RFC 3720 section 12.1) of `length` bytes.
///
/// `seed` is the result for the bytes before them, 0 for none, so a checksum can be taken piecewise.
/// Uses the processor's CRC instruction where there is one. Thread-safe.
uint32_t tapedesk_crc32c(uint32_t seed, const void *bytes, size_t length);

#endif
