#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "mongo_shims.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

_Static_assert(sizeof(bson_t) == 128, "bson_t is 128 bytes, its public size");
_Static_assert(128 % alignof(bson_t) == 0, "replies are allocated with an alignment of 128");
_Static_assert(sizeof(((bson_error_t *)0)->message) == sizeof(((td_error *)0)->message), "messages are of one size");
_Static_assert(sizeof(((bson_error_t *)0)->code) == sizeof(((td_error *)0)->code), "codes are of one size");
_Static_assert(sizeof(size_t) == 8, "lengths of documents are converted on a 64-bit machine");

// libmongoc keeps counters for a tool of its own in shared memory, in a file that outlives a process which is killed.
// It makes the file while it is loaded, before this runs; without its name the memory goes with the process.
__attribute__((constructor)) static void forget_counters(void) {
    char name[32];
    snprintf(name, sizeof name, "/mongoc-%ld", (long)getpid());
    shm_unlink(name);
}

#define REPLY_ALIGNMENT 128

struct td_reply {
    bson_t document;
    bool initialised;
};

_Static_assert(sizeof(td_reply) % REPLY_ALIGNMENT == 0, "aligned_alloc takes multiples of the alignment");

static const uint8_t empty_document[5] = {5, 0, 0, 0, 0};

const char *td_error_message(const td_error *error) { return error->message; }

static void set_error(td_error *to, const bson_error_t *from) {
    to->domain = from->domain;
    to->code = from->code;
    memcpy(to->message, from->message, sizeof to->message);
    to->message[sizeof to->message - 1] = 0;
}

static bool malformed(td_error *error) {
    bson_error_t cause;
    bson_set_error(&cause, MONGOC_ERROR_BSON, MONGOC_ERROR_BSON_INVALID, "a document is not BSON or too large");
    set_error(error, &cause);
    return false;
}

// Wraps bytes without a copy. `into` must stay where it is, and is never destroyed: it owns nothing.
static bool wrap(bson_t *into, td_document document) {
    return document.bytes != NULL && bson_init_static(into, document.bytes, document.length);
}

// As wrap; an absent document gives a null pointer in `pointer`.
static bool wrap_optional(bson_t *into, td_document document, const bson_t **pointer) {
    *pointer = NULL;
    if (document.bytes == NULL) {
        return true;
    }
    *pointer = into;
    return wrap(into, document);
}

td_reply *td_reply_new(void) {
    // Not bson_new: libmongoc initialises replies in place, which would leak the heap object.
    td_reply *reply = aligned_alloc(REPLY_ALIGNMENT, sizeof(td_reply));
    if (reply == NULL) {
        abort();
    }
    reply->initialised = false;
    return reply;
}

td_document td_reply_document(const td_reply *reply) {
    if (!reply->initialised) {
        return (td_document){empty_document, sizeof empty_document};
    }
    return (td_document){bson_get_data(&reply->document), reply->document.len};
}

void td_reply_free(td_reply *reply) {
    if (reply->initialised) {
        bson_destroy(&reply->document);
    }
    free(reply);
}

static bool finish(bool success, td_reply *reply, const bson_error_t *cause, td_error *error) {
    reply->initialised = true;
    set_error(error, cause);
    return success;
}

bool td_command(
    mongoc_client_t *client, const char *database, td_command_kind kind, td_document command, td_document options,
    td_reply *reply, td_error *error) {
    bson_t command_bson, options_bson;
    const bson_t *opts;
    bson_error_t cause = {0};
    bool success = false;
    if (!wrap(&command_bson, command) || !wrap_optional(&options_bson, options, &opts)) {
        return malformed(error);
    }
    switch (kind) {
    case TD_COMMAND_READ:
        success = mongoc_client_read_command_with_opts(
            client, database, &command_bson, NULL, opts, &reply->document, &cause);
        break;
    case TD_COMMAND_WRITE:
        success =
            mongoc_client_write_command_with_opts(client, database, &command_bson, opts, &reply->document, &cause);
        break;
    case TD_COMMAND_PLAIN:
        success = mongoc_client_command_with_opts(
            client, database, &command_bson, NULL, opts, &reply->document, &cause);
        break;
    case TD_COMMAND_ROUTED:
        success = mongoc_client_command_with_opts(
            client, database, &command_bson, mongoc_client_get_read_prefs(client), opts, &reply->document, &cause);
        break;
    }
    return finish(success, reply, &cause, error);
}

mongoc_client_session_t *td_session_new(mongoc_client_t *client, td_reply *options, td_error *error) {
    bson_error_t cause = {0};
    mongoc_client_session_t *session = NULL;
    bson_init(&options->document);
    mongoc_server_description_t *server = mongoc_client_select_server(client, true, NULL, &cause);
    if (server != NULL) {
        session = mongoc_client_start_session(client, NULL, &cause);
        BSON_APPEND_INT32(&options->document, "serverId", (int32_t)mongoc_server_description_id(server));
        mongoc_server_description_destroy(server);
    }
    if (session != NULL && !mongoc_client_session_append(session, &options->document, &cause)) {
        mongoc_client_session_destroy(session);
        session = NULL;
    }
    finish(session != NULL, options, &cause, error);
    return session;
}

void td_session_free(mongoc_client_session_t *session) { mongoc_client_session_destroy(session); }

bool td_transaction_start(mongoc_client_session_t *session, td_error *error) {
    bson_error_t cause = {0};
    bool success = mongoc_client_session_start_transaction(session, NULL, &cause);
    set_error(error, &cause);
    return success;
}

bool td_transaction_commit(mongoc_client_session_t *session, td_reply *reply, td_error *error) {
    bson_error_t cause = {0};
    bool success = mongoc_client_session_commit_transaction(session, &reply->document, &cause);
    return finish(success, reply, &cause, error);
}

void td_transaction_abort(mongoc_client_session_t *session) {
    bson_error_t cause = {0};
    mongoc_client_session_abort_transaction(session, &cause);
}

bool td_insert_one(
    mongoc_client_t *client, const char *database, const char *collection, td_document document, td_reply *reply,
    td_error *error) {
    bson_t bson;
    bson_error_t cause = {0};
    if (!wrap(&bson, document)) {
        return malformed(error);
    }
    mongoc_collection_t *handle = mongoc_client_get_collection(client, database, collection);
    bool success = mongoc_collection_insert_one(handle, &bson, NULL, &reply->document, &cause);
    mongoc_collection_destroy(handle);
    return finish(success, reply, &cause, error);
}

bool td_find_and_modify(
    mongoc_client_t *client, const char *database, const char *collection, td_document query, td_document update,
    td_document fields, td_reply *reply, td_error *error) {
    bson_t query_bson, update_bson, fields_bson;
    const bson_t *update_pointer, *fields_pointer;
    bson_error_t cause = {0};
    if (!wrap(&query_bson, query) || !wrap_optional(&update_bson, update, &update_pointer) ||
        !wrap_optional(&fields_bson, fields, &fields_pointer)) {
        return malformed(error);
    }
    mongoc_find_and_modify_opts_t *opts = mongoc_find_and_modify_opts_new();
    if (update_pointer == NULL) {
        mongoc_find_and_modify_opts_set_flags(opts, MONGOC_FIND_AND_MODIFY_REMOVE);
    } else {
        mongoc_find_and_modify_opts_set_update(opts, update_pointer);
        mongoc_find_and_modify_opts_set_flags(opts, MONGOC_FIND_AND_MODIFY_RETURN_NEW);
    }
    if (fields_pointer != NULL) {
        mongoc_find_and_modify_opts_set_fields(opts, fields_pointer);
    }
    mongoc_collection_t *handle = mongoc_client_get_collection(client, database, collection);
    bool success =
        mongoc_collection_find_and_modify_with_opts(handle, &query_bson, opts, &reply->document, &cause);
    mongoc_collection_destroy(handle);
    mongoc_find_and_modify_opts_destroy(opts);
    return finish(success, reply, &cause, error);
}

mongoc_bulk_operation_t *td_bulk_new(
    mongoc_client_t *client, const char *database, const char *collection, const mongoc_client_session_t *transaction,
    td_error *error) {
    bson_t opts = BSON_INITIALIZER;
    bson_error_t cause = {0};
    mongoc_bulk_operation_t *bulk = NULL;
    BSON_APPEND_BOOL(&opts, "ordered", transaction != NULL);
    if (transaction == NULL || mongoc_client_session_append(transaction, &opts, &cause)) {
        mongoc_collection_t *handle = mongoc_client_get_collection(client, database, collection);
        // The bulk copies the names and the write concern, so the collection need not outlive this call.
        bulk = mongoc_collection_create_bulk_operation_with_opts(handle, &opts);
        mongoc_collection_destroy(handle);
    }
    bson_destroy(&opts);
    set_error(error, &cause);
    return bulk;
}

bool td_bulk_insert(mongoc_bulk_operation_t *bulk, td_document document, td_error *error) {
    bson_t bson;
    bson_error_t cause = {0};
    if (!wrap(&bson, document)) {
        return malformed(error);
    }
    bool success = mongoc_bulk_operation_insert_with_opts(bulk, &bson, NULL, &cause);
    set_error(error, &cause);
    return success;
}

bool td_bulk_update_one(
    mongoc_bulk_operation_t *bulk, td_document filter, td_document update, td_error *error) {
    bson_t filter_bson, update_bson;
    bson_error_t cause = {0};
    if (!wrap(&filter_bson, filter) || !wrap(&update_bson, update)) {
        return malformed(error);
    }
    bool success = mongoc_bulk_operation_update_one_with_opts(bulk, &filter_bson, &update_bson, NULL, &cause);
    set_error(error, &cause);
    return success;
}

bool td_bulk_delete_one(mongoc_bulk_operation_t *bulk, td_document filter, td_error *error) {
    bson_t filter_bson;
    bson_error_t cause = {0};
    if (!wrap(&filter_bson, filter)) {
        return malformed(error);
    }
    bool success = mongoc_bulk_operation_remove_one_with_opts(bulk, &filter_bson, NULL, &cause);
    set_error(error, &cause);
    return success;
}

bool td_bulk_execute(mongoc_bulk_operation_t *bulk, td_reply *reply, td_error *error) {
    bson_error_t cause = {0};
    uint32_t server = mongoc_bulk_operation_execute(bulk, &reply->document, &cause);
    return finish(server != 0, reply, &cause, error);
}

void td_bulk_free(mongoc_bulk_operation_t *bulk) { mongoc_bulk_operation_destroy(bulk); }

static void append(td_documents *documents, size_t *capacity, const bson_t *document) {
    size_t needed = documents->length + document->len;
    if (needed > *capacity) {
        size_t grown = *capacity == 0 ? 4096 : *capacity * 2;
        *capacity = grown > needed ? grown : needed;
        uint8_t *bytes = realloc(documents->bytes, *capacity);
        if (bytes == NULL) {
            abort();
        }
        documents->bytes = bytes;
    }
    memcpy(documents->bytes + documents->length, bson_get_data(document), document->len);
    documents->length = needed;
    documents->count += 1;
}

// Copies what the cursor yields, because each document is valid until the next one only, and frees the cursor.
static bool drain(
    mongoc_cursor_t *cursor, td_limits limits, td_documents *documents, td_reply *reply, td_error *error) {
    const bson_t *document;
    size_t capacity = 0;
    bson_error_t cause = {0};
    const bson_t *failure = NULL;
    *documents = (td_documents){0};
    while (mongoc_cursor_next(cursor, &document)) {
        if (documents->count >= limits.documents || documents->length + document->len > limits.bytes) {
            documents->truncated = true;
            break;
        }
        append(documents, &capacity, document);
    }
    bool failed = mongoc_cursor_error_document(cursor, &cause, &failure);
    if (failed && failure != NULL) {
        bson_copy_to(failure, &reply->document);
        reply->initialised = true;
    }
    set_error(error, &cause);
    mongoc_cursor_destroy(cursor);
    return !failed;
}

// The options of a read that is to see at least what there was at `after`: a causal session of its own says so.
// Null where none can be had. `into` is to be destroyed in any case.
static mongoc_client_session_t *begin_read(
    mongoc_client_t *client, const bson_t *options, uint64_t after, bson_t *into, bson_error_t *cause) {
    if (options == NULL) {
        bson_init(into);
    } else {
        bson_copy_to(options, into);
    }
    mongoc_client_session_t *session = mongoc_client_start_session(client, NULL, cause);
    if (session == NULL) {
        return NULL;
    }
    if (after != 0) {
        mongoc_client_session_advance_operation_time(session, (uint32_t)(after >> 32), (uint32_t)after);
    }
    if (!mongoc_client_session_append(session, into, cause)) {
        mongoc_client_session_destroy(session);
        return NULL;
    }
    return session;
}

typedef mongoc_cursor_t *(*open_cursor)(mongoc_collection_t *collection, const bson_t *query, const bson_t *options);

static mongoc_cursor_t *open_find(mongoc_collection_t *collection, const bson_t *filter, const bson_t *options) {
    return mongoc_collection_find_with_opts(collection, filter, options, NULL);
}

static mongoc_cursor_t *open_aggregate(mongoc_collection_t *collection, const bson_t *pipeline, const bson_t *options) {
    return mongoc_collection_aggregate(collection, MONGOC_QUERY_NONE, pipeline, options, NULL);
}

static bool read_documents(
    mongoc_client_t *client, const char *database, const char *collection, open_cursor open, td_document query,
    td_document options, uint64_t after, td_limits limits, td_documents *documents, td_reply *reply,
    td_error *error) {
    bson_t query_bson, options_bson, read_options;
    const bson_t *opts;
    bson_error_t cause = {0};
    *documents = (td_documents){0};
    if (!wrap(&query_bson, query) || !wrap_optional(&options_bson, options, &opts)) {
        return malformed(error);
    }
    bool success = false;
    mongoc_client_session_t *session = begin_read(client, opts, after, &read_options, &cause);
    if (session == NULL) {
        set_error(error, &cause);
    } else {
        mongoc_collection_t *handle = mongoc_client_get_collection(client, database, collection);
        success = drain(open(handle, &query_bson, &read_options), limits, documents, reply, error);
        mongoc_collection_destroy(handle);
        mongoc_client_session_destroy(session);
    }
    bson_destroy(&read_options);
    return success;
}

bool td_find(
    mongoc_client_t *client, const char *database, const char *collection, td_document filter, td_document options,
    uint64_t after, td_limits limits, td_documents *documents, td_reply *reply, td_error *error) {
    return read_documents(
        client, database, collection, open_find, filter, options, after, limits, documents, reply, error);
}

bool td_aggregate(
    mongoc_client_t *client, const char *database, const char *collection, td_document pipeline,
    td_document options, uint64_t after, td_limits limits, td_documents *documents, td_reply *reply,
    td_error *error) {
    return read_documents(
        client, database, collection, open_aggregate, pipeline, options, after, limits, documents, reply, error);
}

void td_documents_free(td_documents *documents) {
    free(documents->bytes);
    *documents = (td_documents){0};
}

struct td_observer {
    td_command_listener listener;
    _Atomic uint64_t operation_time;
};

td_observer *td_observer_new(td_command_listener listener) {
    td_observer *observer = malloc(sizeof *observer);
    if (observer == NULL) {
        abort();
    }
    observer->listener = listener;
    atomic_init(&observer->operation_time, 0);
    return observer;
}

uint64_t td_observer_time(const td_observer *observer) { return atomic_load(&observer->operation_time); }

void td_observer_advance(td_observer *observer, uint64_t time) {
    uint64_t known = atomic_load(&observer->operation_time);
    while (known < time && !atomic_compare_exchange_weak(&observer->operation_time, &known, time)) {
    }
}

void td_observer_free(td_observer *observer) { free(observer); }

static void command_started(const mongoc_apm_command_started_t *event) {
    const td_observer *observer = mongoc_apm_command_started_get_context(event);
    const bson_t *command = mongoc_apm_command_started_get_command(event);
    observer->listener(
        mongoc_apm_command_started_get_command_name(event),
        (td_document){.bytes = bson_get_data(command), .length = command->len});
}

// A write that no majority confirmed may be undone: reads are not to wait for what perhaps never comes.
static void command_succeeded(const mongoc_apm_command_succeeded_t *event) {
    uint64_t time = 0;
    bson_iter_t fields;
    if (!bson_iter_init(&fields, mongoc_apm_command_succeeded_get_reply(event))) {
        return;
    }
    while (bson_iter_next(&fields)) {
        const char *name = bson_iter_key(&fields);
        if (strcmp(name, "writeConcernError") == 0) {
            return;
        }
        if (strcmp(name, "operationTime") == 0 && BSON_ITER_HOLDS_TIMESTAMP(&fields)) {
            uint32_t seconds, increment;
            bson_iter_timestamp(&fields, &seconds, &increment);
            time = (uint64_t)seconds << 32 | increment;
        }
    }
    td_observer_advance(mongoc_apm_command_succeeded_get_context(event), time);
}

mongoc_client_pool_t *td_pool_new(const mongoc_uri_t *uri, td_observer *observer, td_error *error) {
    bson_error_t cause = {0};
    mongoc_client_pool_t *pool = mongoc_client_pool_new_with_error(uri, &cause);
    set_error(error, &cause);
    if (pool != NULL) {
        // Before the first client is popped: without it, codes of the server and of the driver are not told apart.
        mongoc_client_pool_set_error_api(pool, MONGOC_ERROR_API_VERSION_2);
        mongoc_apm_callbacks_t *callbacks = mongoc_apm_callbacks_new();
        // Where nobody listens, libmongoc does not prepare what it would tell.
        if (observer->listener != NULL) {
            mongoc_apm_set_command_started_cb(callbacks, command_started);
        }
        mongoc_apm_set_command_succeeded_cb(callbacks, command_succeeded);
        mongoc_client_pool_set_apm_callbacks(pool, callbacks, observer);
        mongoc_apm_callbacks_destroy(callbacks);
    }
    return pool;
}

void td_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
