/*
 * The least that an echo server can cost: epoll, one read, one write, no state.
 *
 *   floor PATH-OR-0 [--type stream|datagram] [--certificate FILE] [--processor N]
 *
 * Port 0 of 127.0.0.1, or a Unix socket. It prints {"ready": true, "address": "..."} and answers each line on its
 * standard input with what it has used so far; the end of the input ends it.
 */
#include "common.h"
#include <poll.h>

typedef struct {
    int fd, handshaking;
    SSL *tls;
} Connection;

static char buffer[1 << 18];
static Connection *connections; /* by descriptor */
static SSL_CTX *context;
static int poller;

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        no_delay(fd);
        Connection *c = &connections[fd];
        c->fd = fd;
        c->tls = new_tls(context, fd);
        c->handshaking = c->tls != NULL;
        watch(fd);
    }
}

static void send_all(Connection *c, size_t size) {
    for (size_t sent = 0; sent < size;) {
        ssize_t n = put(c->fd, c->tls, buffer + sent, size - sent);
        if (n > 0) {
            sent += (size_t)n;
        } else if (would_block(c->tls, n)) {
            struct pollfd writable = {.fd = c->fd, .events = POLLOUT};
            poll(&writable, 1, -1);
        } else {
            return; /* the next read says why */
        }
    }
}

static void echo(Connection *c) {
#ifdef WITH_TLS
    if (c->handshaking) {
        ERR_clear_error();
        int result = SSL_accept(c->tls);
        if (result != 1 && would_block(c->tls, result)) return;
        c->handshaking = 0;
    }
#endif
    for (;;) {
        ssize_t n = get(c->fd, c->tls, buffer, sizeof buffer);
        if (n > 0) {
            send_all(c, (size_t)n);
            if (!c->tls) return;
        } else if (n < 0 && would_block(c->tls, n)) {
            return;
        } else {
            close_connection(c->fd, c->tls);
            return;
        }
    }
}

static void echo_datagrams(int fd) {
    for (;;) {
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &length);
        if (n < 0) return;
        sendto(fd, buffer, (size_t)n, 0, (struct sockaddr *)&peer, length);
    }
}

static void answer(void) {
    char line[64];
    struct rusage used;
    ssize_t n = read(0, line, sizeof line);
    if (n <= 0 || line[0] == 'q') exit(0);
    if (getrusage(RUSAGE_SELF, &used) < 0) die("getrusage");
    printf("{\"user\": %ld.%06ld, \"system\": %ld.%06ld, \"rss\": 0}\n", used.ru_utime.tv_sec, used.ru_utime.tv_usec,
           used.ru_stime.tv_sec, used.ru_stime.tv_usec);
    fflush(stdout);
}

static SSL_CTX *server_context(const char *certificate) {
    if (!certificate) return NULL;
#ifdef WITH_TLS
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());
    if (!made || SSL_CTX_use_certificate_chain_file(made, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(made, certificate, SSL_FILETYPE_PEM) != 1)
        die(certificate);
    return made;
#else
    die("built without TLS");
    return NULL;
#endif
}

static int listen_on(Address address, int type) {
    int fd = socket(address.name.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, &address.name.any, address.length) < 0) die("bind");
    if (type == SOCK_STREAM && listen(fd, 1024) < 0) die("listen");
    return fd;
}

int main(int argc, char **argv) {
    if (argc < 2) die("no address");
    Address address = parse_address(argv[1]);
    int type = !strcmp(option(argc, argv, "--type", "stream"), "datagram") ? SOCK_DGRAM : SOCK_STREAM;
    pin((int)number(argc, argv, "--processor", 0));
    raise_descriptor_limit();
    context = server_context(option(argc, argv, "--certificate", NULL));
    connections = calloc((size_t)sysconf(_SC_OPEN_MAX), sizeof *connections);
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on(address, type);
    watch(listener);
    watch(0);
    if (address.name.any.sa_family == AF_UNIX) {
        printf("{\"ready\": true, \"address\": \"%s\"}\n", argv[1]);
    } else {
        getsockname(listener, &address.name.any, &address.length);
        printf("{\"ready\": true, \"address\": \"%d\"}\n", ntohs(address.name.inet.sin_port));
    }
    fflush(stdout);
    struct epoll_event events[512];
    for (;;) {
        int ready = epoll_wait(poller, events, 512, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == 0)
                answer();
            else if (fd != listener)
                echo(&connections[fd]);
            else if (type == SOCK_DGRAM)
                echo_datagrams(fd);
            else
                accept_all(fd);
        }
    }
}
