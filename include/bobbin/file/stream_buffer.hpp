#ifndef BOBBIN_FILE_STREAM_BUFFER_HPP
#define BOBBIN_FILE_STREAM_BUFFER_HPP

#include <bobbin/file/concept.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <streambuf>

namespace bobbin {

/// A seekable stream buffer over any file wrapper, to write only, for writers that know only streams. It begins
/// at the end of the file. Seeking to where it is costs no call. `pubsync`, and so `flush` of the stream,
/// hands all to the kernel; making it durable is the wrapper's `sync`. The file must outlive it. External sync.
template <FilePolicy F>
    requires requires(F& file, ByteView bytes) { file.write_at(bytes, std::uint64_t{}); }
class StreamBuffer final : public std::streambuf {
public:
    explicit StreamBuffer(F& file) noexcept : file_{file}, offset_{file.size().value} { reset(); }
    StreamBuffer(const StreamBuffer&) = delete;
    StreamBuffer& operator=(const StreamBuffer&) = delete;
    /// Hands over what it holds. An error is lost here: flush where it matters.
    ~StreamBuffer() override { (void)write_out(); }

    /// The first error. What was to be written then stays, and is tried again.
    const std::optional<Error>& error() const noexcept { return error_; }

protected:
    int_type overflow(int_type c) override {
        if (!write_out()) return traits_type::eof();
        if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
        return traits_type::not_eof(c);
    }
    std::streamsize xsputn(const char* text, std::streamsize size) override {
        if (size < static_cast<std::streamsize>(buffer_.size()))
            return std::streambuf::xsputn(text, size);
        if (!write_out()) return 0;
        const auto taken = write(as_bytes({text, static_cast<std::size_t>(size)}));
        return static_cast<std::streamsize>(taken);
    }
    int sync() override {
        if (!write_out()) return -1;
        if (auto flushed = file_.flush(); !flushed) {
            note(flushed.error());
            return -1;
        }
        return 0;
    }
    pos_type seekoff(off_type off, std::ios_base::seekdir from,
                     std::ios_base::openmode which) override {
        const auto here = static_cast<off_type>(offset_) + (pptr() - pbase());
        if (from == std::ios_base::cur) return seekpos(pos_type(here + off), which);
        if (from == std::ios_base::beg) return seekpos(pos_type(off), which);
        const auto end = std::max(static_cast<off_type>(file_.size().value), here);
        return seekpos(pos_type(end + off), which);
    }
    pos_type seekpos(pos_type to, std::ios_base::openmode which) override {
        const auto target = static_cast<off_type>(to);
        if ((which & std::ios_base::out) == 0 || target < 0) return pos_type(off_type(-1));
        if (target == static_cast<off_type>(offset_) + (pptr() - pbase())) return to;
        if (!write_out()) return pos_type(off_type(-1));
        offset_ = static_cast<std::uint64_t>(target);
        return to;
    }

private:
    void reset() noexcept { setp(buffer_.data(), buffer_.data() + buffer_.size()); }
    void note(const Error& error) noexcept {
        if (!error_) error_ = error;
    }

    bool write_out() noexcept {
        const auto held = static_cast<std::size_t>(pptr() - pbase());
        const auto taken = write(as_bytes({pbase(), held}));
        std::copy(pbase() + taken, pptr(), buffer_.data());
        reset();
        pbump(static_cast<int>(held - taken));
        return taken == held;
    }
    /// @returns how many bytes are done with
    std::size_t write(ByteView bytes) noexcept {
        if (bytes.empty()) return 0;
        std::size_t taken = 0;
        if (offset_ == file_.size().value) {
            auto got = file_.append(bytes);
            if (got) taken = *got;
            if (!got) note(got.error());
        } else if (auto wrote = file_.write_at(bytes, offset_); wrote) {
            taken = bytes.size();
        } else {
            note(wrote.error());
        }
        offset_ += taken;
        return taken;
    }

    F& file_;
    std::uint64_t offset_;  ///< of the first byte that is held
    std::array<char, 16 << 10> buffer_;
    std::optional<Error> error_;
};

}  // namespace bobbin

#endif
