// What a test program interposes: SQLite calls these directly and not through its table of system
// calls, and allocations have no table at all. Outside a simulation each does what the real one does.
#include <bobbin/testing/allocations.hpp>
#include <bobbin/testing/detail/system_files.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

namespace {

using bobbin::testing::detail::files_of;

void* allocate(std::size_t size) noexcept {
    if (bobbin::testing::detail::allocation_fails()) return nullptr;
    return std::malloc(size == 0 ? 1 : size);
}

void* allocate(std::size_t size, std::align_val_t alignment) noexcept {
    if (bobbin::testing::detail::allocation_fails()) return nullptr;
    const auto align = static_cast<std::size_t>(alignment);
    return std::aligned_alloc(align, (size + align - 1) / align * align);
}

void* or_throw(void* memory) {
    if (!memory) throw std::bad_alloc{};
    return memory;
}

}  // namespace

extern "C" {

int fsync(int fd) {
    if (auto* files = files_of(fd)) return files->sync(fd);
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

int fdatasync(int fd) {
    if (auto* files = files_of(fd)) return files->sync(fd);
    return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

off_t lseek(int fd, off_t offset, int whence) noexcept {
    if (auto* files = files_of(fd)) return files->seek(fd, offset, whence);
    return static_cast<off_t>(::syscall(SYS_lseek, fd, offset, whence));
}

off64_t lseek64(int fd, off64_t offset, int whence) noexcept { return lseek(fd, offset, whence); }

}  // extern "C"

// Not in line: GCC would take malloc under `new` for a mismatch.

[[gnu::noinline]] void* operator new(std::size_t size) { return or_throw(allocate(size)); }
[[gnu::noinline]] void* operator new[](std::size_t size) { return or_throw(allocate(size)); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t align) {
    return or_throw(allocate(size, align));
}
[[gnu::noinline]] void* operator new[](std::size_t size, std::align_val_t align) {
    return or_throw(allocate(size, align));
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size);
}
[[gnu::noinline]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size);
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t align,
                                     const std::nothrow_t&) noexcept {
    return allocate(size, align);
}
[[gnu::noinline]] void* operator new[](std::size_t size, std::align_val_t align,
                                       const std::nothrow_t&) noexcept {
    return allocate(size, align);
}

[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, const std::nothrow_t&) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t,
                                       const std::nothrow_t&) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::align_val_t,
                                         const std::nothrow_t&) noexcept {
    std::free(memory);
}
