/*
 * Lines in, lines out: whatever the pieces in which they come and go.
 */
#include "protocol/rpc.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/json.h"
#include "base/loop.h"
#include "random.h"

struct rig {
    struct gs_loop *loop;
    struct gs_rpc *rpc;
    int in[2], out[2];
    int requests, ends;
    size_t reply_bytes; /* 0: a small reply */
    char last[256];
};

static void on_request(void *arg, const struct gs_rpc_request *r)
{
    struct rig *rig = arg;
    cJSON *o = cJSON_CreateObject();
    rig->requests++;
    snprintf(rig->last, sizeof rig->last, "%s %s %d", r->id, r->method,
             cJSON_GetArraySize(r->params));
    if (rig->reply_bytes) {
        gs_auto_free char *text = gs_calloc(1, rig->reply_bytes + 1);
        memset(text, 'x', rig->reply_bytes);
        gs_json_add_string(o, "x", text);
    }
    gs_rpc_reply(rig->rpc, r->id, o);
}

static void on_end(void *arg)
{
    ((struct rig *)arg)->ends++;
}

static void rig_begin(struct rig *rig)
{
    struct gs_rpc_handler handler = {on_request, on_end, rig};
    memset(rig, 0, sizeof *rig);
    rig->loop = gs_loop_create(NULL);
    assert_int_equal(pipe2(rig->in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(rig->out, O_CLOEXEC), 0);
    fcntl(rig->out[0], F_SETFL, O_NONBLOCK);
    fcntl(rig->in[1], F_SETFL, O_NONBLOCK);
    rig->rpc = gs_rpc_create(rig->loop, rig->in[0], rig->out[1], &handler);
}

static void rig_finish(struct rig *rig)
{
    gs_rpc_destroy(rig->rpc);
    gs_loop_destroy(rig->loop);
    for (int i = 0; i < 2; i++) {
        close(rig->in[i]);
        close(rig->out[i]);
    }
}

static void tick(void *arg)
{
    (void)arg;
}

static void turn(struct rig *rig)
{
    gs_loop_timer(rig->loop, 1, tick, NULL);
    assert_int_equal(gs_loop_round(rig->loop, NULL), 0);
    gs_rpc_flush(rig->rpc);
}

/* Writes everything, turning the loop; returns what came back meanwhile. */
static size_t send_all(struct rig *rig, const char *data, size_t len,
                       size_t piece)
{
    for (size_t at = 0; at < len;) {
        size_t n = len - at < piece ? len - at : piece;
        ssize_t done = write(rig->in[1], data + at, n);
        assert_true(done > 0 || errno == EAGAIN);
        at += done > 0 ? (size_t)done : 0;
        turn(rig);
    }
    turn(rig);
    return len;
}

static char *receive(struct rig *rig)
{
    char *text = gs_calloc(1, 1 << 20);
    size_t used = 0;
    for (int quiet = 0; quiet < 3;) {
        ssize_t n = read(rig->out[0], text + used, (1 << 20) - 1 - used);
        quiet = n > 0 ? 0 : quiet + 1;
        used += n > 0 ? (size_t)n : 0;
        turn(rig);
    }
    return text;
}

static int lines_of(const char *text)
{
    int n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

#define CALL "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}\n"

static void pieces_of_any_size(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 2, 7, 43, 4096};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct rig rig;
        rig_begin(&rig);
        static const char text[] = CALL "\n\n" CALL CALL;
        send_all(&rig, text, strlen(text), pieces[i]);
        gs_auto_free char *got = receive(&rig);
        assert_int_equal(rig.requests, 3);
        assert_int_equal(lines_of(got), 3);
        assert_string_equal(rig.last, "1 m 0");
        rig_finish(&rig);
    }
}

static void many_lines_in_one_read(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    char text[60000] = "";
    size_t used = 0;
    int n = 0;
    while (used + sizeof CALL < sizeof text) {
        memcpy(text + used, CALL, sizeof CALL - 1);
        used += sizeof CALL - 1;
        n++;
    }
    send_all(&rig, text, used, used);
    gs_auto_free char *got = receive(&rig);
    assert_int_equal(rig.requests, n);
    assert_int_equal(lines_of(got), n);
    rig_finish(&rig);
}

static void replies_wait_for_the_flush(void **state)
{
    (void)state;
    struct rig rig;
    char c;
    rig_begin(&rig);
    assert_int_equal(write(rig.in[1], CALL, strlen(CALL)), strlen(CALL));
    assert_int_equal(gs_loop_round(rig.loop, NULL), 0);
    assert_int_equal(rig.requests, 1);
    assert_int_equal(read(rig.out[0], &c, 1), -1);
    /* It could not be made durable: the reply becomes an error. */
    struct gs_error err = {0};
    gs_fail(&err, GS_ERR_FULL, "the disk is full");
    gs_rpc_fail_queued(rig.rpc, &err);
    gs_auto_free char *got = receive(&rig);
    assert_non_null(strstr(got, "\"id\":1,\"error\":{\"code\":-32005"));
    assert_null(strstr(got, "result"));
    rig_finish(&rig);
}

static void ids_come_back_as_they_were(void **state)
{
    (void)state;
    static const struct {
        const char *id, *back;
    } ids[] = {{"0", "0"},
               {"-7", "-7"},
               {"9007199254740992", "9007199254740992"},
               {"\"\"", "\"\""},
               {"\"a\\\"b\\u00e4\\n\"", "\"a\\\"b\xc3\xa4\\n\""}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct rig rig;
        rig_begin(&rig);
        gs_auto_free char *line = gs_format(
            "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"m\"}\n", ids[i].id);
        gs_auto_free char *due = gs_format(
            "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}\n", ids[i].back);
        send_all(&rig, line, strlen(line), 5);
        gs_auto_free char *got = receive(&rig);
        assert_string_equal(got, due);
        rig_finish(&rig);
    }
}

static void what_is_no_request(void **state)
{
    (void)state;
    static const struct {
        const char *line, *due;
    } bad[] = {
        {"x", "\"id\":null,\"error\":{\"code\":-32700"},
        {"{}", "\"id\":null,\"error\":{\"code\":-32600"},
        {"[]", "\"id\":null,\"error\":{\"code\":-32600"},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"m\"}", "-32600"},
        {"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"m\"}", "-32600"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", "-32600"},
        {"{\"jsonrpc\":\"1.0\",\"id\":4,\"method\":\"m\"}", "\"id\":4,"},
        {"{\"jsonrpc\":2.0,\"id\":4,\"method\":\"m\"}", "-32600"},
        {"{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":7}", "-32600"},
        {"{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"m\",\"params\":[]}",
         "-32600"},
        {"{\"jsonrpc\":\"2.0\",\"id\":4,\"id\":5,\"method\":\"m\"}", "-32700"},
        {"{\"JSONRPC\":\"2.0\",\"ID\":4,\"METHOD\":\"m\"}", "-32600"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rig rig;
        rig_begin(&rig);
        gs_auto_free char *line = gs_format("%s\n", bad[i].line);
        send_all(&rig, line, strlen(line), 1000);
        gs_auto_free char *got = receive(&rig);
        if (!strstr(got, bad[i].due) || lines_of(got) != 1)
            fail_msg("%s: %s", bad[i].line, got);
        assert_int_equal(rig.requests, 0);
        send_all(&rig, CALL, strlen(CALL), 1000);
        assert_int_equal(rig.requests, 1);
        rig_finish(&rig);
    }
}

static void a_line_at_and_over_the_limit(void **state)
{
    (void)state;
    static const int over[] = {0, 1, 300000};
    for (int i = 0; i < 3; i++) {
        struct rig rig;
        rig_begin(&rig);
        size_t len = GS_RPC_MAX_LINE + (size_t)over[i];
        gs_auto_free char *text = gs_malloc(len + 1 + strlen(CALL));
        memset(text, ' ', len);
        memcpy(text, CALL, strlen(CALL) - 1);
        memcpy(text + len, "\n" CALL, 1 + strlen(CALL));
        send_all(&rig, text, len + 1 + strlen(CALL), 1 << 16);
        gs_auto_free char *got = receive(&rig);
        assert_int_equal(rig.requests, over[i] ? 1 : 2);
        assert_int_equal(lines_of(got), 2);
        assert_int_equal(strstr(got, "16 MiB") != NULL, over[i] != 0);
        rig_finish(&rig);
    }
}

static void an_end_inside_a_line(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    static const char text[] = CALL "{\"jsonrpc\":\"2.0\",";
    send_all(&rig, text, strlen(text), 9);
    close(rig.in[1]);
    turn(&rig);
    turn(&rig);
    assert_int_equal(rig.requests, 1);
    assert_int_equal(rig.ends, 1);
    rig.in[1] = dup(rig.in[0]);
    rig_finish(&rig);
}

/* Large replies and a reader that does not read: input stops, memory is
 * bounded, and when it reads every reply comes, whole and in order. */
static void a_slow_reader(void **state)
{
    (void)state;
    struct rig rig;
    enum { N = 100 };
    rig_begin(&rig);
    rig.reply_bytes = 1 << 20;
    size_t len = N * strlen(CALL);
    gs_auto_free char *text = gs_malloc(len + 1);
    for (int i = 0; i < N; i++)
        memcpy(text + (size_t)i * strlen(CALL), CALL, strlen(CALL));
    send_all(&rig, text, len, len);
    for (int i = 0; i < 20; i++)
        turn(&rig);
    assert_true(gs_rpc_is_full(rig.rpc));
    assert_true(rig.requests < 40); /* of 1 MiB each */
    size_t got = 0, lines = 0;
    char buffer[65536];
    for (int quiet = 0; quiet < 50;) {
        ssize_t n = read(rig.out[0], buffer, sizeof buffer);
        quiet = n > 0 ? 0 : quiet + 1;
        for (ssize_t i = 0; i < n; i++)
            lines += buffer[i] == '\n';
        got += n > 0 ? (size_t)n : 0;
        turn(&rig);
    }
    assert_int_equal(rig.requests, N);
    assert_int_equal(lines, N);
    assert_int_equal(got % N, 0);
    assert_false(gs_rpc_is_full(rig.rpc));
    /* And when it is gone for good, that ends nothing. */
    close(rig.out[0]);
    signal(SIGPIPE, SIG_IGN);
    send_all(&rig, CALL, strlen(CALL), 1000);
    assert_int_equal(rig.requests, N + 1);
    rig.out[0] = dup(rig.in[0]);
    rig_finish(&rig);
}

static void random_pieces(void **state)
{
    (void)state;
    random_begin("rpc");
    for (int round = 0; round < 60; round++) {
        struct rig rig;
        char text[8000];
        size_t used = 0;
        int good = 0, lines = 0;
        rig_begin(&rig);
        while (used < 7000) {
            char line[300];
            size_t n = (size_t)random_below(200);
            bool call = random_below(2);
            for (size_t i = 0; i < n; i++)
                do
                    line[i] = (char)random_below(256);
                while (line[i] == '\n');
            if (call)
                n = strlen(CALL) - 1;
            memcpy(text + used, call ? CALL : line, n);
            text[used + n] = '\n';
            used += n + 1;
            good += call;
            lines += n > 0;
        }
        for (size_t at = 0; at < used;) {
            size_t n = 1 + (size_t)random_below(600);
            n = n < used - at ? n : used - at;
            at += send_all(&rig, text + at, n, n);
        }
        gs_auto_free char *got = receive(&rig);
        assert_int_equal(rig.requests, good);
        assert_int_equal(lines_of(got), lines);
        rig_finish(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size),
        cmocka_unit_test(many_lines_in_one_read),
        cmocka_unit_test(replies_wait_for_the_flush),
        cmocka_unit_test(ids_come_back_as_they_were),
        cmocka_unit_test(what_is_no_request),
        cmocka_unit_test(a_line_at_and_over_the_limit),
        cmocka_unit_test(an_end_inside_a_line),
        cmocka_unit_test(a_slow_reader),
        cmocka_unit_test(random_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
