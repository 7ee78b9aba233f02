/* A FUSE file system in C on libfuse, single-threaded, that serves constants: the yardstick of row_direct.py.
 *
 *     constant MOUNTPOINT FILES SIZE
 *
 * Names are those of harness.flat_names: d0000/f0000000.bin, 1,000 to a directory. Nothing is behind a read but a buffer, and
 * the kernel may keep everything for ever, as it may with a mount of vfs.
 */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOR_EVER 1e9
#define EACH 1000
#define FIRST_FILE 1000000

static long files;
static size_t size;
static char *content;

static int fill(fuse_ino_t inode, struct stat *found)
{
	memset(found, 0, sizeof *found);
	found->st_ino = inode;
	found->st_nlink = 1;
	if (inode < FIRST_FILE) {
		found->st_mode = S_IFDIR | 0755;
		return 0;
	}
	found->st_mode = S_IFREG | 0644;
	found->st_size = size;
	return inode - FIRST_FILE < (fuse_ino_t)files ? 0 : ENOENT;
}

static void lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {.attr_timeout = FOR_EVER, .entry_timeout = FOR_EVER};
	long number;

	if (parent == FUSE_ROOT_ID && sscanf(name, "d%ld", &number) == 1 && number * EACH < files)
		entry.ino = 2 + number;
	else if (parent != FUSE_ROOT_ID && sscanf(name, "f%ld.bin", &number) == 1 && number < files)
		entry.ino = FIRST_FILE + number;
	if (entry.ino)
		fill(entry.ino, &entry.attr);
	fuse_reply_entry(request, &entry);
}

static void attributes(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
	struct stat found;
	int error = fill(inode, &found);

	(void)info;
	if (error)
		fuse_reply_err(request, error);
	else
		fuse_reply_attr(request, &found, FOR_EVER);
}

static void open_file(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
	(void)inode;
	info->keep_cache = 1;
	fuse_reply_open(request, info);
}

static void read_file(fuse_req_t request, fuse_ino_t inode, size_t length, off_t offset,
		      struct fuse_file_info *info)
{
	(void)inode, (void)info;
	if ((size_t)offset >= size)
		fuse_reply_buf(request, NULL, 0);
	else
		fuse_reply_buf(request, content + offset,
			       length < size - offset ? length : size - offset);
}

static const struct fuse_lowlevel_ops operations = {
	.lookup = lookup, .getattr = attributes, .open = open_file, .read = read_file};

int main(int count, char **words)
{
	char *options[] = {words[0], "-o", "ro,fsname=constant,default_permissions", NULL};
	struct fuse_args arguments = FUSE_ARGS_INIT(3, options);
	struct fuse_session *session;
	int failed = 1;

	if (count != 4)
		return 2;
	files = atol(words[2]);
	size = atol(words[3]);
	content = calloc(1, size);
	session = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
	if (!session || fuse_set_signal_handlers(session))
		return 1;
	if (!fuse_session_mount(session, words[1])) {
		failed = fuse_session_loop(session);
		fuse_session_unmount(session);
	}
	fuse_session_destroy(session);
	return failed != 0;
}
