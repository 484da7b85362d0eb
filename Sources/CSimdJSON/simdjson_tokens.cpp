#include "simdjson_tokens.h"

#include <cstring>
#include <new>
#include <simdjson.h>
#include <string_view>
#include <vector>

using namespace simdjson;

struct tapedesk_json_parser {
    ondemand::parser parser;
    std::vector<tapedesk_json_token> tokens;
};

namespace {

// Documents of market feeds are flat; a depth that no feed has must not exhaust the stack.
constexpr unsigned depth_limit = 64;

struct walker {
    const char *base;
    unsigned depth_max;
    std::vector<tapedesk_json_token> &tokens;

    std::string_view trimmed(std::string_view text) const {
        while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' || text.back() == '\t')) {
            text.remove_suffix(1);
        }
        return text;
    }

    void span(tapedesk_json_token &token, std::string_view text) const {
        token.offset = uint32_t(text.data() - base);
        token.length = uint32_t(text.size());
    }

    void key(tapedesk_json_token &token, ondemand::raw_json_string raw) const {
        const char *text = raw.raw();
        size_t length = 0;
        while (text[length] != '"') {
            if (text[length] == '\\') {
                token.escaped = 1;
                length++;
            }
            length++;
        }
        token.key_offset = uint32_t(text - base);
        token.key_length = uint32_t(length);
    }

    template <typename Value> error_code scalar(Value &value, ondemand::json_type type, tapedesk_json_token &token) const {
        std::string_view text;
        if (auto error = simdjson_result<std::string_view>(value.raw_json_token()).get(text)) { return error; }
        text = trimmed(text);
        switch (type) {
        case ondemand::json_type::string:
            if (text.size() < 2 || text.back() != '"') { return STRING_ERROR; }
            token.type = TAPEDESK_JSON_STRING;
            text = text.substr(1, text.size() - 2);
            token.escaped |= std::memchr(text.data(), '\\', text.size()) != nullptr;
            break;
        case ondemand::json_type::number:
            token.type = TAPEDESK_JSON_NUMBER;
            break;
        case ondemand::json_type::boolean:
            if (text == "true") {
                token.type = TAPEDESK_JSON_TRUE;
            } else if (text == "false") {
                token.type = TAPEDESK_JSON_FALSE;
            } else {
                return T_ATOM_ERROR;
            }
            break;
        default:
            if (text != "null") { return N_ATOM_ERROR; }
            token.type = TAPEDESK_JSON_NULL;
            break;
        }
        span(token, text);
        return SUCCESS;
    }

    template <typename Value> error_code object(Value &value, tapedesk_json_token &token, unsigned depth) {
        ondemand::object fields;
        if (auto error = value.get_object().get(fields)) { return error; }
        if (depth > depth_max) { return skip(fields, token); }
        token.type = TAPEDESK_JSON_OBJECT;
        size_t index = tokens.size();
        tokens.push_back(token);
        for (auto item : fields) {
            ondemand::field field;
            if (auto error = std::move(item).get(field)) { return error; }
            tapedesk_json_token child = {};
            key(child, field.key());
            child.depth = uint8_t(depth + 1);
            ondemand::value inner = field.value();
            if (auto error = walk(inner, child, depth + 1)) { return error; }
        }
        tokens[index].next = uint32_t(tokens.size());
        return SUCCESS;
    }

    template <typename Value> error_code array(Value &value, tapedesk_json_token &token, unsigned depth) {
        ondemand::array elements;
        if (auto error = value.get_array().get(elements)) { return error; }
        if (depth > depth_max) { return skip(elements, token); }
        token.type = TAPEDESK_JSON_ARRAY;
        size_t index = tokens.size();
        tokens.push_back(token);
        for (auto item : elements) {
            ondemand::value inner;
            if (auto error = std::move(item).get(inner)) { return error; }
            tapedesk_json_token child = {};
            child.depth = uint8_t(depth + 1);
            if (auto error = walk(inner, child, depth + 1)) { return error; }
        }
        tokens[index].next = uint32_t(tokens.size());
        return SUCCESS;
    }

    template <typename Container> error_code skip(Container &container, tapedesk_json_token &token) {
        std::string_view text;
        if (auto error = container.raw_json().get(text)) { return error; }
        token.type = TAPEDESK_JSON_RAW;
        span(token, trimmed(text));
        push(token);
        return SUCCESS;
    }

    void push(tapedesk_json_token &token) {
        token.next = uint32_t(tokens.size() + 1);
        tokens.push_back(token);
    }

    template <typename Value> error_code walk(Value &value, tapedesk_json_token &token, unsigned depth) {
        if (depth > depth_limit) { return DEPTH_ERROR; }
        ondemand::json_type type;
        if (auto error = simdjson_result<ondemand::json_type>(value.type()).get(type)) { return error; }
        switch (type) {
        case ondemand::json_type::object: return object(value, token, depth);
        case ondemand::json_type::array: return array(value, token, depth);
        default:
            if (auto error = scalar(value, type, token)) { return error; }
            push(token);
            return SUCCESS;
        }
    }
};

// The value of four hexadecimal digits, or -1.
int hexadecimal(const uint8_t *text, const uint8_t *end) {
    if (end - text < 4) { return -1; }
    int value = 0;
    for (int index = 0; index < 4; index++) {
        uint8_t c = text[index];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0) { return -1; }
        value = value << 4 | digit;
    }
    return value;
}

uint8_t *append_utf8(uint32_t scalar, uint8_t *out) {
    if (scalar < 0x80) {
        *out++ = uint8_t(scalar);
    } else if (scalar < 0x800) {
        *out++ = uint8_t(0xC0 | scalar >> 6);
        *out++ = uint8_t(0x80 | (scalar & 0x3F));
    } else if (scalar < 0x10000) {
        *out++ = uint8_t(0xE0 | scalar >> 12);
        *out++ = uint8_t(0x80 | (scalar >> 6 & 0x3F));
        *out++ = uint8_t(0x80 | (scalar & 0x3F));
    } else {
        *out++ = uint8_t(0xF0 | scalar >> 18);
        *out++ = uint8_t(0x80 | (scalar >> 12 & 0x3F));
        *out++ = uint8_t(0x80 | (scalar >> 6 & 0x3F));
        *out++ = uint8_t(0x80 | (scalar & 0x3F));
    }
    return out;
}

} // namespace

tapedesk_json_parser *tapedesk_json_parser_new(void) { return new (std::nothrow) tapedesk_json_parser; }

void tapedesk_json_parser_free(tapedesk_json_parser *parser) { delete parser; }

const char *tapedesk_json_tokenize(tapedesk_json_parser *parser, const uint8_t *text, size_t length,
                                   unsigned depth_max, const tapedesk_json_token **tokens, size_t *count) {
    static_assert(SIMDJSON_PADDING <= TAPEDESK_JSON_PADDING, "the padding of callers must suffice");
    parser->tokens.clear();
    ondemand::document document;
    auto error = parser->parser.iterate(reinterpret_cast<const char *>(text), length, length + SIMDJSON_PADDING).get(document);
    if (!error) {
        walker walk{reinterpret_cast<const char *>(text), depth_max, parser->tokens};
        tapedesk_json_token root = {};
        error = walk.walk(document, root, 0);
    }
    const char *rest;
    // The parser stands behind the last token: a location to speak of is content that follows the document.
    if (!error && !document.current_location().get(rest)) { error = TRAILING_CONTENT; }
    if (error) { return error_message(error); }
    *tokens = parser->tokens.data();
    *count = parser->tokens.size();
    return nullptr;
}

ptrdiff_t tapedesk_json_unescape(const uint8_t *text, size_t length, uint8_t *target) {
    const uint8_t *end = text + length;
    uint8_t *out = target;
    while (text < end) {
        if (*text != '\\') {
            *out++ = *text++;
            continue;
        }
        if (++text == end) { return -1; }
        uint8_t escape = *text++;
        switch (escape) {
        case '"': case '\\': case '/': *out++ = escape; break;
        case 'b': *out++ = '\b'; break;
        case 'f': *out++ = '\f'; break;
        case 'n': *out++ = '\n'; break;
        case 'r': *out++ = '\r'; break;
        case 't': *out++ = '\t'; break;
        case 'u': {
            int unit = hexadecimal(text, end);
            if (unit < 0) { return -1; }
            text += 4;
            uint32_t scalar = uint32_t(unit);
            if (unit >= 0xD800 && unit < 0xDC00) {
                if (end - text < 6 || text[0] != '\\' || text[1] != 'u') { return -1; }
                int low = hexadecimal(text + 2, end);
                if (low < 0xDC00 || low > 0xDFFF) { return -1; }
                text += 6;
                scalar = 0x10000 + ((scalar - 0xD800) << 10) + uint32_t(low - 0xDC00);
            } else if (unit >= 0xDC00 && unit < 0xE000) {
                return -1;
            }
            out = append_utf8(scalar, out);
            break;
        }
        default: return -1;
        }
    }
    return out - target;
}
