/* What the load generator and the bare server share: failing, addresses, processors, figures of a process, TLS. */
#ifndef COMMON_H
#define COMMON_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#else
typedef void SSL;
typedef void SSL_CTX;
#endif

static inline void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

static inline void pin(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0) die("sched_setaffinity");
}

static inline void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) die("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) die("setrlimit");
}

static inline void set_nonblocking(int fd) {
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) die("fcntl");
}

/* An address is a port of 127.0.0.1, or a path when it has a slash in it. */
typedef struct {
    union {
        struct sockaddr any;
        struct sockaddr_in inet;
        struct sockaddr_un local;
    } name;
    socklen_t length;
} Address;

static inline Address parse_address(const char *text) {
    Address address;
    memset(&address, 0, sizeof address);
    if (strchr(text, '/')) {
        address.name.local.sun_family = AF_UNIX;
        if (strlen(text) >= sizeof address.name.local.sun_path) die("path too long");
        strcpy(address.name.local.sun_path, text);
        address.length = sizeof address.name.local;
    } else {
        address.name.inet.sin_family = AF_INET;
        address.name.inet.sin_port = htons((unsigned short)atoi(text));
        address.name.inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.length = sizeof address.name.inet;
    }
    return address;
}

/* The value of a command line option given as "--name value", or the default. */
static inline const char *option(int argc, char **argv, const char *name, const char *otherwise) {
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return otherwise;
}

static inline long number(int argc, char **argv, const char *name, long otherwise) {
    const char *text = option(argc, argv, name, NULL);
    return text ? atol(text) : otherwise;
}

static inline void no_delay(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* fails harmlessly for other kinds of socket */
}

/* Whether the last call asked to be repeated when the socket is ready. */
static inline int would_block(SSL *tls, ssize_t result) {
#ifdef WITH_TLS
    if (tls) {
        int reason = SSL_get_error(tls, (int)result);
        return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE;
    }
#endif
    (void)tls;
    return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static inline ssize_t get(int fd, SSL *tls, void *buffer, size_t size) {
#ifdef WITH_TLS
    if (tls) {
        ERR_clear_error();
        return SSL_read(tls, buffer, (int)size);
    }
#endif
    (void)tls;
    return recv(fd, buffer, size, 0);
}

static inline ssize_t put(int fd, SSL *tls, const void *buffer, size_t size) {
#ifdef WITH_TLS
    if (tls) {
        ERR_clear_error();
        return SSL_write(tls, buffer, (int)size);
    }
#endif
    (void)tls;
    return send(fd, buffer, size, MSG_NOSIGNAL);
}

static inline SSL *new_tls(SSL_CTX *context, int fd) {
    if (!context) return NULL;
#ifdef WITH_TLS
    SSL *tls = SSL_new(context);
    if (!tls || !SSL_set_fd(tls, fd)) die("SSL_new");
    SSL_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return tls;
#else
    (void)fd;
    return NULL;
#endif
}

/* Say goodbye, if there is still someone to say it to, and close. */
static inline void close_connection(int fd, SSL *tls) {
#ifdef WITH_TLS
    if (tls) {
        ERR_clear_error();
        SSL_shutdown(tls);
        SSL_free(tls);
    }
#endif
    (void)tls;
    close(fd);
}

#endif
