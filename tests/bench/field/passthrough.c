/* A FUSE file system that passes reads on to a directory: what the kernel's FUSE costs when nearly nothing stands behind it.
 *
 *     passthrough SOURCE MOUNTPOINT
 *
 * The low-level interface of libfuse 3, one thread, in the foreground. Inodes live until the kernel forgets the mount; names and
 * attributes never time out and pages are kept, as vfs does.
 */
#define FUSE_USE_VERSION 34
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const double FOREVER = 86400.0;

struct node {
    ino_t ino;
    int fd; /* O_PATH */
    struct node *next;
};

enum { BUCKETS = 1 << 16 };
static struct node *table[BUCKETS];
static struct node root;

static struct node *node_of(fuse_ino_t ino) {
    return ino == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)ino;
}

static struct node *remember(int fd, ino_t ino) {
    struct node **slot = &table[ino % BUCKETS], *node;
    for (node = *slot; node; node = node->next)
        if (node->ino == ino) {
            close(fd);
            return node;
        }
    node = malloc(sizeof *node);
    if (!node)
        return NULL;
    node->ino = ino;
    node->fd = fd;
    node->next = *slot;
    return *slot = node;
}

static int look_up(fuse_ino_t parent, const char *name, struct fuse_entry_param *entry) {
    memset(entry, 0, sizeof *entry);
    int fd = openat(node_of(parent)->fd, name, O_PATH | O_NOFOLLOW);
    if (fd < 0)
        return errno;
    if (fstatat(fd, "", &entry->attr, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) {
        int failed = errno;
        close(fd);
        return failed;
    }
    struct node *node = remember(fd, entry->attr.st_ino);
    if (!node)
        return ENOMEM;
    entry->ino = (uintptr_t)node;
    entry->attr_timeout = entry->entry_timeout = FOREVER;
    return 0;
}

static void lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
    struct fuse_entry_param entry;
    int failed = look_up(parent, name, &entry);
    if (failed)
        fuse_reply_err(request, failed);
    else
        fuse_reply_entry(request, &entry);
}

static void get_attributes(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
    struct stat attributes;
    (void)file;
    if (fstatat(node_of(ino)->fd, "", &attributes, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        fuse_reply_err(request, errno);
    else
        fuse_reply_attr(request, &attributes, FOREVER);
}

static int open_again(fuse_ino_t ino, int flags) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", node_of(ino)->fd);
    return open(path, flags);
}

static void open_file(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
    int fd = open_again(ino, O_RDONLY);
    if (fd < 0) {
        fuse_reply_err(request, errno);
        return;
    }
    file->fh = fd;
    file->keep_cache = 1;
    fuse_reply_open(request, file);
}

static void read_file(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *file) {
    struct fuse_bufvec buffer = FUSE_BUFVEC_INIT(size);
    (void)ino;
    buffer.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    buffer.buf[0].fd = file->fh;
    buffer.buf[0].pos = offset;
    fuse_reply_data(request, &buffer, FUSE_BUF_SPLICE_MOVE);
}

static void release_file(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)ino;
    close(file->fh);
    fuse_reply_err(request, 0);
}

static void open_directory(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
    int fd = open_again(ino, O_RDONLY | O_DIRECTORY);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        fuse_reply_err(request, errno);
        return;
    }
    file->fh = (uintptr_t)directory;
    file->cache_readdir = file->keep_cache = 1;
    fuse_reply_open(request, file);
}

static void list(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *file) {
    DIR *directory = (DIR *)(uintptr_t)file->fh;
    char *buffer = malloc(size);
    size_t used = 0;
    struct dirent *found;
    if (!buffer) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    seekdir(directory, offset);
    while ((found = readdir(directory))) {
        struct fuse_entry_param entry;
        memset(&entry, 0, sizeof entry);
        if (!strcmp(found->d_name, ".") || !strcmp(found->d_name, "..")) {
            entry.attr.st_ino = found->d_ino;
            entry.attr.st_mode = DT_DIR << 12;
        } else if (look_up(ino, found->d_name, &entry)) {
            continue;
        }
        size_t needed = fuse_add_direntry_plus(request, buffer + used, size - used, found->d_name, &entry, found->d_off);
        if (needed > size - used)
            break;
        used += needed;
    }
    fuse_reply_buf(request, buffer, used);
    free(buffer);
}

static void release_directory(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)ino;
    closedir((DIR *)(uintptr_t)file->fh);
    fuse_reply_err(request, 0);
}

static const struct fuse_lowlevel_ops operations = {
    .lookup = lookup,
    .getattr = get_attributes,
    .open = open_file,
    .read = read_file,
    .release = release_file,
    .opendir = open_directory,
    .readdirplus = list,
    .releasedir = release_directory,
};

int main(int count, char **words) {
    if (count != 3) {
        fprintf(stderr, "usage: %s SOURCE MOUNTPOINT\n", words[0]);
        return 2;
    }
    struct stat attributes;
    struct rlimit files; /* one descriptor for each inode */
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    root.fd = open(words[1], O_PATH | O_DIRECTORY);
    if (root.fd < 0 || fstatat(root.fd, "", &attributes, AT_EMPTY_PATH)) {
        perror(words[1]);
        return 1;
    }
    root.ino = attributes.st_ino;
    char *options[] = {words[0], "-oro,fsname=passthrough"};
    struct fuse_args arguments = FUSE_ARGS_INIT(2, options);
    struct fuse_session *session = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
    if (!session || fuse_set_signal_handlers(session) || fuse_session_mount(session, words[2]))
        return 1;
    int failed = fuse_session_loop(session);
    fuse_session_unmount(session);
    fuse_remove_signal_handlers(session);
    fuse_session_destroy(session);
    return failed != 0;
}
