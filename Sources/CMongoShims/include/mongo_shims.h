// What Swift cannot call itself in libmongoc.
//
// Debian aligns bson_t to 128 bytes, which Swift neither honours nor imports. So BSON crosses this border as bytes:
// in as (pointer, length), wrapped without a copy on the C stack for the time of one call; out through a reply that
// owns its storage. Nothing here keeps a pointer after it returned. A client, and all that hangs on it, is used by
// one thread at a time.
#ifndef TAPEDESK_MONGO_SHIMS_H
#define TAPEDESK_MONGO_SHIMS_H

#include <mongoc/mongoc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// An encoded BSON document. A null pointer means "none" where a parameter is optional.
typedef struct {
    const uint8_t *_Nullable bytes;
    size_t length;
} td_document;

// A bson_error_t in plain form.
typedef struct {
    uint32_t domain;
    uint32_t code;
    char message[504];
} td_error;

// The message of an error, valid as long as the error.
const char *_Nonnull td_error_message(const td_error *_Nonnull error);

// The storage for one reply. libmongoc initialises a reply in every call, also in one that fails, so a reply serves
// one call, and is then read and freed.
typedef struct td_reply td_reply;

td_reply *_Nonnull td_reply_new(void);
// The bytes of the document; an empty document where the call never reached libmongoc. Valid until freed.
td_document td_reply_document(const td_reply *_Nonnull reply);
void td_reply_free(td_reply *_Nonnull reply);

typedef enum {
    // To the primary as it is: no read concern, write concern or retry of the connection's settings.
    TD_COMMAND_PLAIN = 0,
    // By the connection's read preference, with its read concern; retried once by the driver.
    TD_COMMAND_READ = 1,
    // To the primary, with the connection's write concern.
    TD_COMMAND_WRITE = 2,
    // By the connection's read preference, otherwise as it is.
    TD_COMMAND_ROUTED = 3,
} td_command_kind;

bool td_command(
    mongoc_client_t *_Nonnull client, const char *_Nonnull database, td_command_kind kind, td_document command,
    td_document options, td_reply *_Nonnull reply, td_error *_Nonnull error);

// A session on the server that takes writes, for commands that continue each other, such as those of one cursor.
// `options` becomes what td_command is to be given. Null with the error where there is no server or no session.
mongoc_client_session_t *_Nullable td_session_new(
    mongoc_client_t *_Nonnull client, td_reply *_Nonnull options, td_error *_Nonnull error);
void td_session_free(mongoc_client_session_t *_Nonnull session);

// A transaction of a session, with the connection's read and write concern. Nothing of it takes effect unless
// td_transaction_commit is called, which may be called again where it failed: the reply says whether that makes sense.
bool td_transaction_start(mongoc_client_session_t *_Nonnull session, td_error *_Nonnull error);
bool td_transaction_commit(
    mongoc_client_session_t *_Nonnull session, td_reply *_Nonnull reply, td_error *_Nonnull error);
// Errors do not matter: the server gives up what is not committed.
void td_transaction_abort(mongoc_client_session_t *_Nonnull session);

bool td_insert_one(
    mongoc_client_t *_Nonnull client, const char *_Nonnull database, const char *_Nonnull collection,
    td_document document, td_reply *_Nonnull reply, td_error *_Nonnull error);

// Updates one document, or removes it where `update` is none; retried once by the driver.
// False also for a write-concern error, although the document was changed: the reply tells.
bool td_find_and_modify(
    mongoc_client_t *_Nonnull client, const char *_Nonnull database, const char *_Nonnull collection,
    td_document query, td_document update, td_document fields, td_reply *_Nonnull reply, td_error *_Nonnull error);

// A bulk of writes: unordered with the connection's write concern or, where there is a session with a transaction,
// ordered and part of that. Null with the error where it could not be made; else freed by td_bulk_free in any case.
mongoc_bulk_operation_t *_Nullable td_bulk_new(
    mongoc_client_t *_Nonnull client, const char *_Nonnull database, const char *_Nonnull collection,
    const mongoc_client_session_t *_Nullable transaction, td_error *_Nonnull error);
bool td_bulk_insert(mongoc_bulk_operation_t *_Nonnull bulk, td_document document, td_error *_Nonnull error);
bool td_bulk_update_one(
    mongoc_bulk_operation_t *_Nonnull bulk, td_document filter, td_document update, td_error *_Nonnull error);
bool td_bulk_delete_one(mongoc_bulk_operation_t *_Nonnull bulk, td_document filter, td_error *_Nonnull error);
bool td_bulk_execute(mongoc_bulk_operation_t *_Nonnull bulk, td_reply *_Nonnull reply, td_error *_Nonnull error);
void td_bulk_free(mongoc_bulk_operation_t *_Nonnull bulk);

// Documents of a cursor, one behind the other.
typedef struct {
    uint8_t *_Nullable bytes;
    size_t length;
    size_t count;
    // Whether documents were left because one of the limits was reached.
    bool truncated;
} td_documents;

typedef struct {
    size_t documents;
    size_t bytes;
} td_limits;

// Reads with a cursor that lives within the call. `documents` is to be freed in any case. What is read is not older than
// the operation time `after`, or of any age where that is 0.
bool td_find(
    mongoc_client_t *_Nonnull client, const char *_Nonnull database, const char *_Nonnull collection,
    td_document filter, td_document options, uint64_t after, td_limits limits, td_documents *_Nonnull documents,
    td_reply *_Nonnull reply, td_error *_Nonnull error);
bool td_aggregate(
    mongoc_client_t *_Nonnull client, const char *_Nonnull database, const char *_Nonnull collection,
    td_document pipeline, td_document options, uint64_t after, td_limits limits, td_documents *_Nonnull documents,
    td_reply *_Nonnull reply, td_error *_Nonnull error);
void td_documents_free(td_documents *_Nonnull documents);

// Told of a command before it is sent, on the thread that sends it. Nothing that it is given outlives the call.
typedef void (*td_command_listener)(const char *_Nonnull name, td_document command);

// What goes over all clients of a pool: commands are told to the listener, where there is one, and the greatest
// operation time of the answers is kept, but for those of writes that no majority confirmed. Thread-safe.
typedef struct td_observer td_observer;

td_observer *_Nonnull td_observer_new(td_command_listener _Nullable listener);
// Seconds since 1970 in the upper half, a count within the second in the lower; 0 where no answer had one.
uint64_t td_observer_time(const td_observer *_Nonnull observer);
void td_observer_advance(td_observer *_Nonnull observer, uint64_t time);
void td_observer_free(td_observer *_Nonnull observer);

// A pool for the URI with error API version 2, or null with the error. May ask DNS. The observer has to outlive it.
mongoc_client_pool_t *_Nullable td_pool_new(
    const mongoc_uri_t *_Nonnull uri, td_observer *_Nonnull observer, td_error *_Nonnull error);

// Names the calling thread; the kernel keeps 15 bytes.
void td_name_thread(const char *_Nonnull name);

#endif
