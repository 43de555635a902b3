#ifndef BOBBIN_PACK_DETAIL_CHUNK_GROUP_HPP
#define BOBBIN_PACK_DETAIL_CHUNK_GROUP_HPP

#include <bobbin/codec/none.hpp>
#include <bobbin/pack/concept.hpp>
#include <bobbin/pack/save_options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// Bytes that are not set when they are allocated.
class RawBuffer {
public:
    RawBuffer() = default;
    RawBuffer(RawBuffer&& other) noexcept
        : bytes_{std::move(other.bytes_)}
        , size_{std::exchange(other.size_, 0)} {}
    RawBuffer& operator=(RawBuffer&& other) noexcept {
        bytes_ = std::move(other.bytes_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }

    /// Keeps nothing of what was there.
    MutableByteView at_least(std::size_t size) {
        if (size > size_) {
            bytes_.reset();
            bytes_ = std::make_unique_for_overwrite<std::byte[]>(size);
            size_ = size;
        }
        return {bytes_.get(), size_};
    }

private:
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t size_ = 0;
};

/// Compresses chunks and gives them to the sink, each record at once. External sync.
template <ChunkSink Sink, Codec C>
class RecordEncoder {
public:
    RecordEncoder(Sink& sink, C codec, SaveCounts& counts)
        : sink_{sink}
        , codec_{std::move(codec)}
        , counts_{counts} {}

    Sink& sink() noexcept { return sink_; }

    /// @param chunks claimed ones, of which `raw` is all
    Result<void> add(std::span<const NewChunk<Sha256>> chunks, ByteView raw) {
        ByteView stored = raw;
        std::uint8_t codec = NoCodec::number;
        if constexpr (C::number != NoCodec::number) {
            const auto worth = raw.size() - std::max<std::size_t>(raw.size() / 20, 1);
            const auto room = packed_.at_least(raw.size()).first(worth);
            if (const auto packed = codec_.compress(raw, room); !packed)
                return packed.error();
            else if (*packed != 0 && raw.size() / highest_ratio <= *packed) {
                stored = room.first(*packed);
                codec = C::number;
            }
        }
        counts_.bytes_new += raw.size();
        counts_.bytes_stored += stored.size();
        return sink_.add_encoded(chunks, codec, stored);
    }

private:
    Sink& sink_;
    C codec_;
    RawBuffer packed_;
    SaveCounts& counts_;
};

/// Gathers small chunks, so that they are compressed together. External sync.
template <ChunkSink Sink, Codec C>
class ChunkGroup {
public:
    /// @param target raw bytes of a record; one chunk more may make it longer
    ChunkGroup(RecordEncoder<Sink, C>& encoder, std::size_t target)
        : encoder_{encoder}
        , target_{target} {}

    /// Room for a chunk behind those that are there, until the next call.
    Result<MutableByteView> room(std::size_t size) {
        const auto needed = std::max(size, target_);
        const auto most = std::min<std::size_t>(room_, largest_record);
        if (filled_ != 0 && (filled_ + size > most || chunks_.size() == most_chunks))
            if (auto flushed = flush(); !flushed) return flushed.error();
        if (filled_ == 0 && needed > room_) {
            bytes_.at_least(needed + target_);
            room_ = needed + target_;
        }
        return bytes_.at_least(room_).subspan(filled_, size);
    }

    /// The first `size` bytes of the room are a chunk, kept if it is new.
    Result<Address> keep(std::size_t size) {
        const auto chunk = bytes_.at_least(room_).subspan(filled_, size);
        const auto address = digest_of<Sha256>(chunk);
        const auto is_new = encoder_.sink().claim(address);
        if (!is_new) return is_new.error();
        if (*is_new)
            if (auto kept = take(address, size); !kept) return kept.error();
        return address;
    }

    /// Likewise of bytes that lie elsewhere.
    Result<Address> add(ByteView chunk) {
        const auto address = digest_of<Sha256>(chunk);
        const auto is_new = encoder_.sink().claim(address);
        if (!is_new) return is_new.error();
        if (*is_new)
            if (auto added = add_claimed(address, chunk); !added) return added.error();
        return address;
    }
    Result<void> add_claimed(const Address& address, ByteView chunk) {
        const auto to = room(chunk.size());
        if (!to) return to.error();
        std::memcpy(to->data(), chunk.data(), chunk.size());
        return take(address, chunk.size());
    }

    Result<void> flush() {
        if (filled_ == 0) return {};
        auto added = encoder_.add(chunks_, bytes_.at_least(room_).first(filled_));
        chunks_.clear();
        filled_ = 0;
        return added;
    }

private:
    Result<void> take(const Address& address, std::size_t size) {
        chunks_.push_back({address, static_cast<std::uint32_t>(size)});
        filled_ += size;
        if (filled_ >= target_) return flush();
        return {};
    }

    RecordEncoder<Sink, C>& encoder_;
    std::size_t target_;
    RawBuffer bytes_;
    std::size_t room_ = 0;
    std::size_t filled_ = 0;
    std::vector<NewChunk<Sha256>> chunks_;
};

}  // namespace bobbin::pack::detail

#endif
