// What Swift cannot call itself in libcurl: functions with a variable number of arguments.
//
// Nothing here keeps a pointer after it returned, except what libcurl keeps: a list of headers, the function that
// receives bytes, and its context have to live until the handle is gone. Strings and bodies are copied. A handle is
// used by one thread at a time.
#ifndef TAPEDESK_CURL_SHIMS_H
#define TAPEDESK_CURL_SHIMS_H

#include <curl/curl.h>
#include <stddef.h>

// Takes size * count bytes of a body, or of one line of the head. Any result but that number ends the transfer.
typedef size_t (*td_curl_receiver)(char *_Nullable bytes, size_t size, size_t count, void *_Nullable context);

CURLcode td_curl_set_long(CURL *_Nonnull easy, CURLoption option, long value);
// A null pointer puts the option back to what libcurl does by itself.
CURLcode td_curl_set_string(CURL *_Nonnull easy, CURLoption option, const char *_Nullable value);
CURLcode td_curl_set_list(CURL *_Nonnull easy, CURLoption option, struct curl_slist *_Nullable list);
// The function of CURLOPT_WRITEFUNCTION or CURLOPT_HEADERFUNCTION.
CURLcode td_curl_set_receiver(CURL *_Nonnull easy, CURLoption option, td_curl_receiver _Nonnull receiver);
// What that function gets: CURLOPT_WRITEDATA or CURLOPT_HEADERDATA.
CURLcode td_curl_set_context(CURL *_Nonnull easy, CURLoption option, void *_Nullable context);
// Makes the request a POST with a copy of these bytes, of which there may be none.
CURLcode td_curl_set_post(CURL *_Nonnull easy, const void *_Nullable bytes, size_t length);
// Makes children of the process inherit none of its connections.
CURLcode td_curl_keep_sockets(CURL *_Nonnull easy);

CURLcode td_curl_get_long(CURL *_Nonnull easy, CURLINFO info, long *_Nonnull value);
// Valid as long as the handle; null where libcurl knows none.
CURLcode td_curl_get_string(CURL *_Nonnull easy, CURLINFO info, const char *_Nullable *_Nonnull value);

CURLMcode td_curl_multi_set_long(CURLM *_Nonnull multi, CURLMoption option, long value);

// The result of a transfer that ended: a member of a union.
CURLcode td_curl_result(const CURLMsg *_Nonnull message);

// Names the calling thread, of which the kernel keeps 15 bytes, and leaves all signals to the other threads: among them
// SIGPIPE, which libcurl does not keep away where it is told to leave signals alone.
void td_curl_prepare_thread(const char *_Nonnull name);

#endif
