#ifndef BOBBIN_PACK_DETAIL_PACK_PARTS_HPP
#define BOBBIN_PACK_DETAIL_PACK_PARTS_HPP

#include <bobbin/codec/none.hpp>
#include <bobbin/pack/chunk_index.hpp>
#include <bobbin/pack/pack_file.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// The parts of a pack in its file, which may be any bytes: each is checked when it is read, and one
/// record at a time is in memory. External sync.
/// @tparam Cs the codecs that it knows
template <PackFile F, ContentDigest D, class Cs>
class PackParts {
public:
    using Digest = D;

    explicit PackParts(F file) noexcept : file_{std::move(file)} {}

    const F& file() const noexcept { return file_; }
    std::uint64_t size() const noexcept { return size_; }

    Result<void> take_size() noexcept {
        auto status = file_.status();
        if (!status) return status.error();
        size_ = status->size.value;
        return {};
    }

    /// A file that ends early was longer when its size was taken.
    Result<void> read_exactly(MutableByteView to, std::uint64_t offset) noexcept {
        auto got = file_.read_at(to, offset);
        if (!got) return left_to_refuse_ != 0 ? read_around(to, offset) : got.error();
        if (*got != to.size()) return Error{Errc::object_short, Operation::read};
        return {};
    }
    /// From now on what the disk refuses reads as zeros, up to the `most`th sector, which is an
    /// error. 0: each is one.
    void tolerate_refusals(std::size_t most) noexcept { left_to_refuse_ = most; }

    /// @param store to which it must belong, if any
    Result<PackHeader> header(const std::optional<Uuid>& store) noexcept {
        std::array<std::byte, PackHeader::encoded_size> bytes{};
        if (size_ < bytes.size()) return Error{Errc::pack_malformed, Operation::open};
        if (auto got = read_exactly(bytes, 0); !got) return got.error();
        auto header = PackHeader::decode(bytes);
        if (!header) return header;
        if (header->digest_format != D::format_id || header->digest_size != D::size)
            return Error{Errc::format_unknown, Operation::open};
        if (store && header->store != *store) return Error{Errc::pack_foreign, Operation::open};
        return header;
    }

    Result<PackTrailer> trailer() noexcept {
        std::array<std::byte, PackTrailer::encoded_size> bytes{};
        if (size_ < PackHeader::encoded_size + bytes.size())
            return Error{Errc::pack_unfinished, Operation::open};
        if (auto got = read_exactly(bytes, size_ - bytes.size()); !got) return got.error();
        return PackTrailer::decode(bytes, size_, D::size);
    }

    /// Brings a record into memory: its head, which matches its checksum, and the stored bytes, of
    /// which `check_loaded` tells whether they do.
    /// @allocates room for it, which it keeps
    Result<void> load(const RecordPlace& place) {
        loaded_.reset();
        raw_.reset();
        const auto size = static_cast<std::size_t>(place.shape.size(D::size));
        if (buffer_.size() < size) buffer_.resize(size);
        const auto bytes = MutableByteView{buffer_}.first(size);
        if (auto got = read_exactly(bytes, place.offset); !got) return got;
        auto head = RecordHead::decode(bytes, D::size);
        if (!head) return head.error();
        if (head->shape() != place.shape) return Error{Errc::pack_malformed, Operation::read};
        const ByteView stored = bytes.subspan(head->size());
        is_damaged_ = crc32c(stored) != head->stored_crc();
        loaded_.emplace(*head, stored);
        return {};
    }
    Result<void> check_loaded() const noexcept {
        if (is_damaged_) return Error{Errc::digest_mismatch, Operation::read};
        return {};
    }
    Result<void> load_whole(const RecordPlace& place) {
        auto loaded = load(place);
        return loaded ? check_loaded() : loaded;
    }
    /// The record that was loaded.
    const EncodedRecord& loaded() const noexcept { return *loaded_; }

    /// Its raw bytes; of one that is damaged what comes out of it.
    /// @allocates room for them, which it keeps
    Result<ByteView> raw() {
        if (raw_) return *raw_;
        const auto& shape = loaded_->head.shape();
        if (shape.codec == NoCodec::number) {
            raw_ = loaded_->stored;
        } else {
            if (raw_buffer_.size() < shape.raw) raw_buffer_.resize(shape.raw);
            const auto to = MutableByteView{raw_buffer_}.first(shape.raw);
            const auto done = codecs_.decompress(shape.codec, loaded_->stored, to);
            if (!done && !(is_damaged_ && done.error().is(Errc::compressed_malformed)))
                return done.error();
            raw_ = to;
        }
        return *raw_;
    }

    /// Gives back the room for records.
    void release() noexcept {
        loaded_.reset();
        raw_.reset();
        buffer_ = {};
        raw_buffer_ = {};
    }

private:
    static constexpr std::size_t sector = 4096;

    Result<void> read_around(MutableByteView to, std::uint64_t offset) noexcept {
        while (!to.empty()) {
            const auto left_of_sector = static_cast<std::size_t>(sector - offset % sector);
            const auto part = to.first(std::min(to.size(), left_of_sector));
            auto got = file_.read_at(part, offset);
            if (!got) {
                if (--left_to_refuse_ == 0) return got.error();
                std::ranges::fill(part, std::byte{0});
            } else if (*got != part.size()) {
                return Error{Errc::object_short, Operation::read};
            }
            to = to.subspan(part.size());
            offset += part.size();
        }
        return {};
    }

    F file_;
    std::uint64_t size_ = 0;
    std::size_t left_to_refuse_ = 0;  ///< sectors
    Cs codecs_;
    std::vector<std::byte> buffer_;        ///< the record that was loaded last
    std::vector<std::byte> raw_buffer_;    ///< what was compressed in it
    std::optional<EncodedRecord> loaded_;  ///< looks at `buffer_`
    bool is_damaged_ = false;              ///< the stored bytes of that
    std::optional<ByteView> raw_;          ///< looks at either
};

}  // namespace bobbin::pack::detail

#endif
