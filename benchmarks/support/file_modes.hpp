// Ways to write a file that benchmarks compare with the wrappers.
#ifndef BOBBIN_BENCHMARKS_FILE_MODES_HPP
#define BOBBIN_BENCHMARKS_FILE_MODES_HPP

#include <bobbin/fs/posix.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace benchmarks {

using namespace bobbin;

// Starts write-back of each MiB, and neither waits nor drops: what RocksDB does by `bytes_per_sync`.
class KickOnly {
public:
    explicit KickOnly(PosixFile file) : file_{std::move(file)} {}
    Result<std::size_t> append(ByteView bytes) noexcept {
        auto got = file_.append(bytes);
        const auto end = file_.size().value;
        if (got && end - kicked_ >= (1 << 20)) {
            (void)file_.start_writeback(kicked_, end - kicked_);
            kicked_ = end;
        }
        return got;
    }
    Result<void> write_at(ByteView bytes, std::uint64_t offset) noexcept {
        return file_.write_at(bytes, offset);
    }
    SyncResult sync() noexcept { return file_.sync(); }
    Result<void> close() noexcept { return file_.close(); }
    PosixFile& next_layer() noexcept { return file_; }

private:
    PosixFile file_;
    std::uint64_t kicked_ = 0;
};

// Past the page cache by O_DIRECT: in aligned pieces of 1 MiB, the rest at the end through the cache.
class Direct {
public:
    static constexpr std::size_t piece = 1 << 20;
    explicit Direct(PosixFile file)
        : file_{std::move(file)}
        , buffer_{static_cast<std::byte*>(std::aligned_alloc(4096, piece)), &std::free} {
        is_direct_ = set_direct(true);
    }
    bool is_direct() const { return is_direct_; }

    Result<std::size_t> append(ByteView bytes) noexcept {
        std::size_t taken = 0;
        while (taken < bytes.size()) {
            const auto n = std::min(bytes.size() - taken, piece - held_);
            std::memcpy(buffer_.get() + held_, bytes.data() + taken, n);
            held_ += n;
            taken += n;
            if (held_ < piece) continue;
            if (auto got = file_.append({buffer_.get(), piece}); !got) return got;
            held_ = 0;
        }
        return taken;
    }
    Result<void> write_at(ByteView, std::uint64_t) noexcept {
        return Error{Errc::not_supported, Operation::write};
    }
    SyncResult sync() noexcept {
        if (held_ != 0) {
            set_direct(false);
            if (auto got = file_.append({buffer_.get(), held_}); !got)
                return SyncResult::failed(got.error());
            held_ = 0;
        }
        return file_.sync();
    }
    Result<void> close() noexcept { return file_.close(); }
    PosixFile& next_layer() noexcept { return file_; }

private:
    bool set_direct(bool on) noexcept {
        const int flags = ::fcntl(file_.handle(), F_GETFL);
        return ::fcntl(file_.handle(), F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
    }
    PosixFile file_;
    std::unique_ptr<std::byte, void (*)(void*)> buffer_;
    std::size_t held_ = 0;
    bool is_direct_ = false;
};

}  // namespace benchmarks

#endif
