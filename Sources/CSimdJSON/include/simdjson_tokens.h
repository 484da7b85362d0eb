#ifndef TAPEDESK_SIMDJSON_TOKENS_H
#define TAPEDESK_SIMDJSON_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Bytes that must be readable behind every text that is handed to `tapedesk_json_tokenize`.
#define TAPEDESK_JSON_PADDING 64

typedef enum {
    TAPEDESK_JSON_OBJECT = 1,
    TAPEDESK_JSON_ARRAY = 2,
    /// The text between the quotes; escapes are left in it.
    TAPEDESK_JSON_STRING = 3,
    TAPEDESK_JSON_NUMBER = 4,
    TAPEDESK_JSON_TRUE = 5,
    TAPEDESK_JSON_FALSE = 6,
    TAPEDESK_JSON_NULL = 7,
    /// An object or array below the depth limit: its text, not looked into.
    TAPEDESK_JSON_RAW = 8
} tapedesk_json_type;

/// One value of a document, in document order, as spans of the original text: numbers keep every digit.
typedef struct {
    uint32_t key_offset;
    uint32_t key_length;
    uint32_t offset;
    uint32_t length;
    /// Index of the token behind this value and everything in it.
    uint32_t next;
    uint8_t type;
    uint8_t depth;
    /// Whether the string, or the key, holds escapes.
    uint8_t escaped;
    uint8_t reserved;
} tapedesk_json_token;

typedef struct tapedesk_json_parser tapedesk_json_parser;

/// Makes a parser; NULL when there is no memory. Used by one thread at a time.
tapedesk_json_parser *tapedesk_json_parser_new(void);
void tapedesk_json_parser_free(tapedesk_json_parser *parser);

/// Splits one JSON document into tokens. Objects and arrays deeper than `depth_max` (the root has depth 0) become
/// RAW tokens.
///
/// Returns NULL on success or a static description of what is wrong. `tokens` stay valid until the next call.
/// `text[length ..< length + TAPEDESK_JSON_PADDING]` must be readable.
const char *tapedesk_json_tokenize(tapedesk_json_parser *parser, const uint8_t *text, size_t length,
                                   unsigned depth_max, const tapedesk_json_token **tokens, size_t *count);

/// Resolves the escapes of a string token's text into `target`, which has room for `length` bytes.
///
/// Returns the number of bytes written, or -1 where an escape is wrong. The text must be followed by its quote.
ptrdiff_t tapedesk_json_unescape(const uint8_t *text, size_t length, uint8_t *target);

#ifdef __cplusplus
}
#endif

#endif
