/*
 * Preloaded into a process (LD_PRELOAD), it numbers the calls that change a folder, over all threads, and at one of them
 * kills the process or has the call fail; or it records them all, with their bytes. faults.ts compiles and controls it.
 *
 * SHIM_FOLDER   the folder, an absolute path without symbolic links
 * SHIM_CONTROL  a file of eight 64-bit numbers, which the test reads and writes while the process runs
 * SHIM_RECORD   a file that gets the record of each call
 */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE, FSYNC, RENAME, LINK, UNLINK, MKDIR, CREATE, TRUNCATE };
enum action { NOTHING, KILL_BEFORE, KILL_AFTER, FAIL_ONCE, FAIL_FROM_THERE };

struct control {
  uint64_t armed, count, at, action, error, kinds, fired, reserved;
};

struct header {
  uint32_t kind, path_length, to_length, data_length;
  int64_t offset;
};

static struct control *control;
static char folder[4096];
static size_t folder_length;
static int record = -1;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("SHIM_FOLDER");
  if (!path) return;
  strncpy(folder, path, sizeof folder - 1);
  folder_length = strlen(folder);
  const char *file = getenv("SHIM_CONTROL");
  int fd = file ? syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC) : -1;
  if (fd >= 0) {
    void *map = mmap(0, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) control = map;
    syscall(SYS_close, fd);
  }
  file = getenv("SHIM_RECORD");
  if (file) record = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static int is_inside(const char *path) {
  if (!folder_length || strncmp(path, folder, folder_length)) return 0;
  return path[folder_length] == '/' || path[folder_length] == 0;
}

/* The absolute path of a file that is named in a call. */
static int named(const char *path, char *out) {
  if (path[0] == '/') snprintf(out, 4096, "%s", path);
  else {
    char cwd[2048];
    if (!getcwd(cwd, sizeof cwd)) return 0;
    snprintf(out, 4096, "%s/%s", cwd, path);
  }
  return is_inside(out);
}

static int opened(int fd, char *out) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, out, 4095);
  if (length < 0) return 0;
  out[length] = 0;
  return is_inside(out);
}

static void die(void) {
  syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  for (;;) pause();
}

/* Numbers a call. Returns an errno that it fails with, or 0; sets whether the process is to end after it. */
static int number(enum kind kind, int *dies) {
  *dies = 0;
  if (!control || !__atomic_load_n(&control->armed, __ATOMIC_SEQ_CST)) return 0;
  if (control->kinds && !(control->kinds >> kind & 1)) return 0;
  uint64_t n = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
  uint64_t at = control->at, action = control->action;
  if (!at || n < at || (n > at && action != FAIL_FROM_THERE)) return 0;
  __atomic_add_fetch(&control->fired, 1, __ATOMIC_SEQ_CST);
  if (action == KILL_BEFORE) die();
  if (action == KILL_AFTER) *dies = 1;
  return action >= FAIL_ONCE ? (int)control->error : 0;
}

static void log_call(enum kind kind, const char *path, const char *to, int64_t offset, const void *data, size_t length) {
  struct header header = {kind, strlen(path), to ? strlen(to) : 0, length, offset};
  struct iovec parts[] = {
      {&header, sizeof header}, {(void *)path, header.path_length}, {(void *)to, header.to_length}, {(void *)data, length}};
  syscall(SYS_writev, record, parts, 4);
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* Makes a call: `call` is evaluated unless it is to fail, `log` afterwards if it succeeded. */
#define AROUND(kind, is_ours, type, call, log) \
  if (!(is_ours)) return call; \
  int dies, failure = number(kind, &dies); \
  if (failure) { errno = failure; return -1; } \
  if (record >= 0) pthread_mutex_lock(&order); \
  type result = call; \
  int error = errno; \
  if (record >= 0) { \
    if (result >= 0) { log; } \
    pthread_mutex_unlock(&order); \
  } \
  if (dies) die(); \
  errno = error; \
  return result

static int64_t position(int fd) {
  int flags = syscall(SYS_fcntl, fd, F_GETFL);
  return syscall(SYS_lseek, fd, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
}

ssize_t write(int fd, const void *data, size_t length) {
  REAL(write);
  char path[4096];
  AROUND(WRITE, opened(fd, path), ssize_t, real(fd, data, length),
         log_call(WRITE, path, 0, position(fd) - result, data, result));
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
  REAL(pwrite64);
  char path[4096];
  AROUND(WRITE, opened(fd, path), ssize_t, real(fd, data, length, offset), log_call(WRITE, path, 0, offset, data, result));
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return pwrite64(fd, data, length, offset); }

static void log_parts(const char *path, const struct iovec *parts, int count, int64_t offset, ssize_t written) {
  for (int i = 0; i < count && written > 0; i++) {
    size_t length = (ssize_t)parts[i].iov_len < written ? parts[i].iov_len : (size_t)written;
    log_call(WRITE, path, 0, offset, parts[i].iov_base, length);
    offset += length;
    written -= length;
  }
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  char path[4096];
  AROUND(WRITE, opened(fd, path), ssize_t, real(fd, parts, count),
         log_parts(path, parts, count, position(fd) - result, result));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  REAL(pwritev64);
  char path[4096];
  AROUND(WRITE, opened(fd, path), ssize_t, real(fd, parts, count, offset), log_parts(path, parts, count, offset, result));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }

int fsync(int fd) {
  REAL(fsync);
  char path[4096];
  AROUND(FSYNC, opened(fd, path), int, real(fd), log_call(FSYNC, path, 0, 0, 0, 0));
}

int fdatasync(int fd) {
  REAL(fdatasync);
  char path[4096];
  AROUND(FSYNC, opened(fd, path), int, real(fd), log_call(FSYNC, path, 0, 0, 0, 0));
}

int ftruncate64(int fd, off64_t length) {
  REAL(ftruncate64);
  char path[4096];
  AROUND(TRUNCATE, opened(fd, path), int, real(fd, length), log_call(TRUNCATE, path, 0, length, 0, 0));
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int rename(const char *from, const char *to) {
  REAL(rename);
  char path[4096], target[4096];
  int is_ours = named(from, path) | named(to, target);
  AROUND(RENAME, is_ours, int, real(from, to), log_call(RENAME, path, target, 0, 0, 0));
}

int link(const char *from, const char *to) {
  REAL(link);
  char path[4096], target[4096];
  int is_ours = named(from, path) | named(to, target);
  AROUND(LINK, is_ours, int, real(from, to), log_call(LINK, path, target, 0, 0, 0));
}

int unlink(const char *name) {
  REAL(unlink);
  char path[4096];
  AROUND(UNLINK, named(name, path), int, real(name), log_call(UNLINK, path, 0, 0, 0, 0));
}

int rmdir(const char *name) {
  REAL(rmdir);
  char path[4096];
  AROUND(UNLINK, named(name, path), int, real(name), log_call(UNLINK, path, 0, 0, 0, 0));
}

int mkdir(const char *name, mode_t mode) {
  REAL(mkdir);
  char path[4096];
  AROUND(MKDIR, named(name, path), int, real(name, mode), log_call(MKDIR, path, 0, 0, 0, 0));
}

static int is_new(const char *name, int flags) {
  return (flags & O_CREAT) && syscall(SYS_faccessat, AT_FDCWD, name, F_OK) != 0;
}

static int do_open(const char *name, int flags, mode_t mode) { return syscall(SYS_openat, AT_FDCWD, name, flags, mode); }

static int open_file(const char *name, int flags, mode_t mode) {
  char path[4096];
  if (named(name, path) && (flags & O_TRUNC) && !is_new(name, flags)) {
    AROUND(TRUNCATE, 1, int, do_open(name, flags, mode), log_call(TRUNCATE, path, 0, 0, 0, 0));
  }
  AROUND(CREATE, named(name, path) && is_new(name, flags), int, do_open(name, flags, mode),
         log_call(CREATE, path, 0, 0, 0, 0));
}

#define MODE(flags) \
  mode_t mode = 0; \
  if (flags & (O_CREAT | __O_TMPFILE)) { \
    va_list list; \
    va_start(list, flags); \
    mode = va_arg(list, mode_t); \
    va_end(list); \
  }

int open(const char *name, int flags, ...) {
  MODE(flags);
  return open_file(name, flags, mode);
}

int open64(const char *name, int flags, ...) {
  MODE(flags);
  return open_file(name, flags | O_LARGEFILE, mode);
}

/* What copies by itself is left to plain writes, which are numbered. */
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *at_to, size_t length, unsigned flags) {
  errno = ENOSYS;
  return -1;
}
