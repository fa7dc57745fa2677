/* What libucp itself takes for what the UCX benches measure: a connect with one message each way, and a request to a peer that sleeps. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <ucp/api/ucp.h>

#include "measure.h"

enum {
    CONNECTS = 200,  /* one after the other */
    REQUESTS = 300,
    REQUEST_BYTES = 64,
    PAUSE_US = 3000, /* before each request */
    SPIN_NS = 200000, /* before a wait for an answer sleeps: about as long as src/ucx/progress.ts turns */
    MESSAGE = 1,     /* id of the active messages */
};

typedef struct {
    ucp_context_h context;
    ucp_worker_h worker;
    int descriptor;
    ucp_conn_request_h request; /* of who wants to connect, not yet accepted */
    ucp_ep_h peer;              /* of the hello that came last */
    unsigned arrived;           /* messages of MESSAGE */
} side_t;

static void check(ucs_status_t status, const char *what) {
    if (status == UCS_OK) return;
    fprintf(stderr, "%s: %s\n", what, ucs_status_string(status));
    exit(1);
}

static ucs_status_t on_message(void *argument, const void *header, size_t header_bytes, void *data, size_t bytes, const ucp_am_recv_param_t *about) {
    side_t *side = argument;
    (void)header, (void)header_bytes, (void)data, (void)bytes;
    if (about->recv_attr & UCP_AM_RECV_ATTR_FIELD_REPLY_EP) side->peer = about->reply_ep;
    side->arrived++;
    return UCS_OK;
}

static void on_request(ucp_conn_request_h request, void *argument) {
    ((side_t *)argument)->request = request;
}

static void on_error(void *argument, ucp_ep_h endpoint, ucs_status_t status) {
    (void)argument, (void)endpoint, (void)status;
}

/* The keys of src/ucx/configuration.ts, so that UCX chooses the same. */
static void open_side(side_t *side, const char *transports) {
    const char *const keys[][2] = {
        {"TLS", transports},         {"NET_DEVICES", "lo"},         {"MM_ERROR_HANDLING", "y"}, {"KEEPALIVE_INTERVAL", "500ms"},
        {"KEEPALIVE_NUM_EPS", "8192"}, {"USE_MT_MUTEX", "y"}, {"MAX_RNDV_LANES", "1"}, {"RNDV_SCHEME", "get_zcopy"}, {"LOG_LEVEL", "error"},
    };
    ucp_config_t *config;
    check(ucp_config_read(NULL, NULL, &config), "ucp_config_read");
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) check(ucp_config_modify(config, keys[k][0], keys[k][1]), keys[k][0]);
    ucp_params_t params = {.field_mask = UCP_PARAM_FIELD_FEATURES, .features = UCP_FEATURE_TAG | UCP_FEATURE_STREAM | UCP_FEATURE_AM | UCP_FEATURE_WAKEUP};
    check(ucp_init(&params, config, &side->context), "ucp_init");
    ucp_config_release(config);
    ucp_worker_params_t worker = {.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE, .thread_mode = UCS_THREAD_MODE_SINGLE};
    check(ucp_worker_create(side->context, &worker, &side->worker), "ucp_worker_create");
    check(ucp_worker_get_efd(side->worker, &side->descriptor), "ucp_worker_get_efd");
    ucp_am_handler_param_t handler = {
        .field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_CB | UCP_AM_HANDLER_PARAM_FIELD_ARG,
        .id = MESSAGE,
        .cb = on_message,
        .arg = side,
    };
    check(ucp_worker_set_am_recv_handler(side->worker, &handler), "ucp_worker_set_am_recv_handler");
}

static void sleep_until_event(side_t *side) {
    ucs_status_t status = ucp_worker_arm(side->worker);
    if (status == UCS_ERR_BUSY) return;
    check(status, "ucp_worker_arm");
    struct pollfd polled = {.fd = side->descriptor, .events = POLLIN};
    poll(&polled, 1, 100);
}

/* UCX's own thread makes the connections: who spins takes the processor from it. Progresses until `*what` is no longer `was`, or there is a request to accept. */
static void wait_for(side_t *side, const unsigned *what, unsigned was, double spin_ns) {
    double idle_since = now_ns();
    while (*what == was && !side->request) {
        if (ucp_worker_progress(side->worker)) idle_since = now_ns();
        else if (now_ns() - idle_since >= spin_ns) sleep_until_event(side);
    }
}

static void say(ucp_ep_h to, size_t bytes, uint32_t flags) {
    static char body[REQUEST_BYTES];
    ucp_request_param_t params = {.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS, .flags = flags};
    void *request = ucp_am_send_nbx(to, MESSAGE, body, bytes, NULL, 0, &params);
    if (UCS_PTR_IS_ERR(request)) check(UCS_PTR_STATUS(request), "ucp_am_send_nbx");
    if (request) ucp_request_free(request); /* UCX keeps it until it is done */
}

static ucp_ep_h connect_or_accept(side_t *side, ucp_ep_params_t params) {
    ucp_ep_h endpoint;
    params.field_mask |= UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE | UCP_EP_PARAM_FIELD_ERR_HANDLER;
    params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
    params.err_handler.cb = on_error;
    check(ucp_ep_create(side->worker, &params, &endpoint), "ucp_ep_create");
    return endpoint;
}

/* Answers every message; ends with its parent. */
static void serve(const char *transports, volatile int *port) {
    side_t side = {0};
    open_side(&side, transports);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ucp_listener_params_t params = {
        .field_mask = UCP_LISTENER_PARAM_FIELD_SOCK_ADDR | UCP_LISTENER_PARAM_FIELD_CONN_HANDLER,
        .sockaddr = {(struct sockaddr *)&address, sizeof address},
        .conn_handler = {on_request, &side},
    };
    ucp_listener_h listener;
    check(ucp_listener_create(side.worker, &params, &listener), "ucp_listener_create");
    ucp_listener_attr_t attributes = {.field_mask = UCP_LISTENER_ATTR_FIELD_SOCKADDR};
    check(ucp_listener_query(listener, &attributes), "ucp_listener_query");
    *port = ntohs(((struct sockaddr_in *)&attributes.sockaddr)->sin_port);
    for (unsigned answered = 0;;) {
        wait_for(&side, &side.arrived, answered, 0);
        if (side.request) {
            ucp_conn_request_h request = side.request;
            side.request = NULL;
            connect_or_accept(&side, (ucp_ep_params_t){.field_mask = UCP_EP_PARAM_FIELD_CONN_REQUEST, .conn_request = request});
        }
        for (; answered != side.arrived; answered++) say(side.peer, REQUEST_BYTES, 0);
    }
}

static void measure(const char *name, const char *transports, volatile int *port) {
    side_t side = {0};
    char text[64];
    open_side(&side, transports);
    while (!*port) usleep(1000);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ucp_ep_h endpoint = NULL;
    double started = 0;
    /* The first one pays for what all share. */
    for (int connected = 0; connected < CONNECTS; connected++) {
        if (connected == 1) started = now_ns();
        unsigned before = side.arrived;
        endpoint = connect_or_accept(&side, (ucp_ep_params_t){
            .field_mask = UCP_EP_PARAM_FIELD_SOCK_ADDR | UCP_EP_PARAM_FIELD_FLAGS,
            .flags = UCP_EP_PARAMS_FLAGS_CLIENT_SERVER,
            .sockaddr = {(struct sockaddr *)&address, sizeof address},
        });
        say(endpoint, 8, UCP_AM_SEND_FLAG_REPLY);
        wait_for(&side, &side.arrived, before, 0);
    }
    snprintf(text, sizeof text, "limit.ucx.%s.connects", name);
    emit(text, (CONNECTS - 1) / ((now_ns() - started) / 1e9), "conn/s");
    static double took_us[REQUESTS];
    for (int request = 0; request < REQUESTS; request++) {
        usleep(PAUSE_US);
        unsigned before = side.arrived;
        double sent = now_ns();
        say(endpoint, REQUEST_BYTES, UCP_AM_SEND_FLAG_REPLY);
        wait_for(&side, &side.arrived, before, SPIN_NS);
        took_us[request] = (now_ns() - sent) / 1000;
    }
    snprintf(text, sizeof text, "limit.ucx.%s.request-sleeping", name);
    emit_percentiles(text, took_us, REQUESTS, "us");
}

/* `ucx_limits NAME TLS`: both ends, on a processor each. */
int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s NAME TLS\n", argv[0]);
        return 2;
    }
    volatile int *port = shared(sizeof *port);
    if (start(0) == 0) serve(argv[2], port);
    pin(1);
    measure(argv[1], argv[2], port);
    return 0;
}
