#ifndef BOBBIN_INDEX_VIDEO_HPP
#define BOBBIN_INDEX_VIDEO_HPP

#include <bobbin/core/ticks.hpp>
#include <bobbin/index/concept.hpp>
#include <bobbin/index/detail/varint.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <new>
#include <optional>
#include <ranges>
#include <vector>

namespace bobbin {

/// Limits of the format `video.v1`. They keep every sum in range: an index shorter than 2^32 bytes
/// has fewer than 2^31 samples, so that no total reaches 2^63 whatever the index says.
struct VideoLimits {
    static constexpr std::uint64_t sample_bytes = std::uint64_t{1} << 31;  ///< 2 GiB, inclusive
    /// As long as the tables of ISO/IEC 14496-12 can express with a sign: 6.6 hours.
    static constexpr std::int64_t sample_duration = std::numeric_limits<std::int32_t>::max();
    static constexpr std::uint64_t index_bytes = std::numeric_limits<std::uint32_t>::max();
};

/// One sample of a recording, as its index tells it.
struct VideoSample {
    std::uint64_t offset = 0;  ///< in the data file, bytes
    MediaDuration start{};     ///< since the start of the recording
    MediaDuration duration{};
    std::uint32_t size = 0;  ///< bytes
    bool sync = false;
    friend constexpr bool operator==(const VideoSample&, const VideoSample&) = default;
};

class VideoSamples;

/// Encodes the index of a recording: two variable-length integers for each sample, about 3.4 bytes.
/// The bytes are specified in docs/formats.md. External sync.
class VideoIndex {
public:
    using policy_concept = index_encoder_tag;
    static constexpr FormatId format_id{"video.v1"};

    struct Record {
        MediaDuration duration{};  ///< until the next sample; zero for the last one of a run only
        bool sync = false;         ///< decodable without the samples before it
        friend constexpr bool operator==(Record, Record) = default;
    };
    struct Counts {
        std::uint64_t samples = 0;
        std::uint64_t sync_samples = 0;
        MediaDuration duration{};
        bool trailing_zero = false;  ///< the last sample has duration zero
        friend constexpr bool operator==(const Counts&, const Counts&) = default;
    };

    /// Adds a sample of `size` bytes.
    /// @errors sample_empty, sample_too_large, duration_invalid (negative, over `VideoLimits`, or
    ///   anything after a sample of duration zero), not_sync_sample (the first must be one),
    ///   object_too_long, out_of_memory; all leave the encoder as it was
    /// @allocates now and then, for the bytes not yet taken
    Result<void> add(Record record, Bytes size) noexcept {
        if (const auto wrong = check(record, size)) return Error{*wrong, Operation::encode};
        if (taken_) used_ = 0;
        taken_ = false;
        if (piece_.size() - used_ < room && !grow()) return Error{Errc::out_of_memory, Operation::encode};
        const auto bytes = static_cast<std::int64_t>(size.value);
        auto* const begin = piece_.data() + used_;
        auto* end = index::detail::put_varint(
            begin,
            index::detail::zigzag(record.duration.count - duration_) << 1 | (record.sync ? 1U : 0U));
        auto& previous = record.sync ? sync_size_ : other_size_;
        end = index::detail::put_varint(end, index::detail::zigzag(bytes - previous));

        const auto length = static_cast<std::size_t>(end - begin);
        used_ += length;
        total_ += length;
        duration_ = record.duration.count;
        previous = bytes;
        ++counts_.samples;
        counts_.sync_samples += record.sync ? 1 : 0;
        counts_.duration += record.duration;
        counts_.trailing_zero = record.duration.count == 0;
        return {};
    }

    bool starts_group(Record record) const noexcept { return record.sync; }

    ByteView take_piece() noexcept {
        if (taken_) used_ = 0;
        taken_ = true;
        return ByteView{piece_}.first(used_);
    }

    Counts counts() const noexcept { return counts_; }

    static void tally(Counts& counts, Record record, Bytes) noexcept {
        ++counts.samples;
        counts.sync_samples += record.sync ? 1 : 0;
        counts.duration += record.duration;
        counts.trailing_zero = record.duration.count == 0;
    }

    /// @errors index_truncated, index_malformed (see `VideoSamples`), object_short or
    ///   index_malformed where the samples need more or less than `data_size`
    static Result<Counts> count(ByteView index, Bytes data_size) noexcept;

    /// Looks at `index`, which must outlive the range.
    static VideoSamples records(ByteView index) noexcept;

private:
    std::optional<Errc> check(Record record, Bytes size) const noexcept {
        if (size.value == 0) return Errc::sample_empty;
        if (size.value > VideoLimits::sample_bytes) return Errc::sample_too_large;
        if (record.duration.count < 0 || record.duration.count > VideoLimits::sample_duration ||
            counts_.trailing_zero)
            return Errc::duration_invalid;
        if (counts_.samples == 0 && !record.sync) return Errc::not_sync_sample;
        if (total_ > VideoLimits::index_bytes - room)
            return Errc::object_too_long;
        return {};
    }
    bool grow() noexcept {
        try {
            piece_.resize(2 * piece_.size() + 4096);
            return true;
        } catch (const std::bad_alloc&) {
            return false;
        }
    }

    // What two integers may write, which is more than they need.
    static constexpr std::size_t room = 16;

    std::vector<std::byte> piece_;  // of which used_ bytes count
    std::size_t used_ = 0;
    bool taken_ = false;
    std::uint64_t total_ = 0;
    std::int64_t duration_ = 0;
    std::int64_t sync_size_ = 0;
    std::int64_t other_size_ = 0;
    Counts counts_{};
};

/// Walks through the samples of an index, which may be any bytes: a cursor, copyable, so that a
/// place in the middle can be kept. It looks at `index`, which must outlive it. External sync.
class VideoCursor {
public:
    constexpr VideoCursor() = default;
    explicit VideoCursor(ByteView index) noexcept
        : begin_{index.data()}
        , at_{index.data()}
        , end_{index.data() + index.size()} {
        if (index.size() > VideoLimits::index_bytes) fail(Errc::index_malformed);
    }

    /// Goes to the next sample; false at the end and at what is malformed (`error`).
    [[gnu::always_inline]] bool next() noexcept {
        using namespace index::detail;
        auto rest = ends_ & (ends_ - 1);
        if (rest == 0 && static_cast<std::size_t>(end_ - at_) >= block_bytes + 8) {
            block_ = at_;
            ends_ = find_ends(at_);
            rest = ends_ & (ends_ - 1);
        }
        if (rest == 0) [[unlikely]]
            return next_slowly();
        // The ends of 64 bytes are known at once: finding the next sample does not wait for this one
        // to be loaded, and no branch depends on a length.
        const auto first_end = static_cast<unsigned>(std::countr_zero(ends_)) + 1;
        const auto second_end = static_cast<unsigned>(std::countr_zero(rest)) + 1;
        const auto* const next = block_ + second_end;
        const auto length = static_cast<std::size_t>(next - at_);
        const std::uint64_t word = load_word(at_);
        if (length > plain_pair || has_padding(word)) [[unlikely]]
            return next_slowly();
        ends_ = rest & (rest - 1);
        const std::uint64_t both = join_sevens(word) & ~(~std::uint64_t{0} << (7 * length));
        const auto shift = 7 * static_cast<unsigned>(block_ + first_end - at_);
        return accept(both & ~(~std::uint64_t{0} << shift), both >> shift, next);
    }

    /// The sample where the cursor stands: only after `next` was true.
    const VideoSample& sample() const noexcept { return sample_; }

    /// What is wrong with the index; none where all of it so far was right.
    std::optional<Error> error() const noexcept {
        if (!wrong_) return {};
        return Error{*wrong_, Operation::decode};
    }
    /// The offset in the index of the next sample, or of the one that is malformed.
    std::size_t position() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

private:
    // Pairs of up to 6 bytes have no integer of more than 5.
    static constexpr std::size_t plain_pair = 6;

    [[gnu::always_inline]] bool accept(std::uint64_t first, std::uint64_t second, const std::byte* next) noexcept {
        using namespace index::detail;
        const bool sync = (first & 1) != 0;
        const auto duration = sample_.duration.count + unzigzag(first >> 1);
        const auto size = (sync ? sync_size_ : other_size_) + unzigzag(second);
        // One comparison each: below the range wraps to above it.
        const bool right =
            static_cast<std::uint64_t>(duration) <= std::uint64_t{VideoLimits::sample_duration} &&
            static_cast<std::uint64_t>(size) - 1 < VideoLimits::sample_bytes &&
            (duration != 0 || next == end_) && (sync || at_ != begin_);
        if (!right) [[unlikely]]
            return fail(Errc::index_malformed);
        sample_.offset += sample_.size;
        sample_.start += sample_.duration;
        sample_.duration = MediaDuration{duration};
        sample_.size = static_cast<std::uint32_t>(size);
        sample_.sync = sync;
        (sync ? sync_size_ : other_size_) = size;
        at_ = next;
        return true;
    }

    // Near the end of the index, and for what is longer than usual.
    [[gnu::always_inline]] bool next_slowly() noexcept {
        using namespace index::detail;
        ends_ = 0;
        if (at_ == end_) return false;
        const Varint first = get_varint(at_, end_);
        if (first.length == 0) return fail(first.wrong());
        const Varint second = get_varint(at_ + first.length, end_);
        if (second.length == 0) return fail(second.wrong());
        return accept(first.value, second.value, at_ + first.length + second.length);
    }

    [[gnu::always_inline]] bool fail(Errc why) noexcept {
        wrong_ = why;
        end_ = at_;
        ends_ = 0;
        return false;
    }

    const std::byte* begin_ = nullptr;
    const std::byte* at_ = nullptr;
    const std::byte* end_ = nullptr;
    const std::byte* block_ = nullptr;
    std::uint64_t ends_ = 0;  // from at_ on, in the 64 bytes of block_
    std::int64_t sync_size_ = 0;
    std::int64_t other_size_ = 0;
    VideoSample sample_{};
    std::optional<Errc> wrong_;
};

/// The samples of an index as an input range. Ends early at what is malformed; `error` tells:
/// index_truncated (ends inside a sample), index_malformed (an integer too long or longer than need
/// be, a size outside 1 B to 2 GiB, a negative duration, zero before the last sample, a first
/// sample that is not a sync sample). Looks at `index`, which must outlive it. External sync.
class VideoSamples : public std::ranges::view_interface<VideoSamples> {
public:
    class iterator {
    public:
        using value_type = VideoSample;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;

        const VideoSample& operator*() const noexcept { return cursor_->sample(); }
        iterator& operator++() noexcept {
            done_ = !cursor_->next();
            return *this;
        }
        void operator++(int) noexcept { ++*this; }
        friend bool operator==(const iterator& it, std::default_sentinel_t) noexcept {
            return it.done_;
        }

    private:
        friend VideoSamples;
        explicit iterator(VideoCursor& cursor) noexcept : cursor_{&cursor}, done_{!cursor.next()} {}
        VideoCursor* cursor_;
        bool done_;
    };

    VideoSamples() = default;
    explicit VideoSamples(ByteView index) noexcept : cursor_{index} {}

    /// Once only.
    iterator begin() noexcept { return iterator{cursor_}; }
    std::default_sentinel_t end() const noexcept { return {}; }

    /// What ended the range early, after it was walked through.
    std::optional<Error> error() const noexcept { return cursor_.error(); }
    /// The offset in the index of the sample at which it ended.
    std::size_t position() const noexcept { return cursor_.position(); }

private:
    VideoCursor cursor_;
};

inline VideoSamples VideoIndex::records(ByteView index) noexcept { return VideoSamples{index}; }

inline Result<VideoIndex::Counts> VideoIndex::count(ByteView index, Bytes data_size) noexcept {
    Counts counts;
    VideoCursor cursor{index};
    while (cursor.next()) {
        ++counts.samples;
        counts.sync_samples += cursor.sample().sync ? 1 : 0;
    }
    if (const auto error = cursor.error()) return *error;
    const auto& last = cursor.sample();
    const auto needed = last.offset + last.size;
    counts.duration = last.start + last.duration;
    counts.trailing_zero = counts.samples != 0 && last.duration.count == 0;
    if (needed > data_size.value) return Error{Errc::object_short, Operation::decode};
    if (needed < data_size.value) return Error{Errc::index_malformed, Operation::decode};
    return counts;
}

static_assert(IndexEncoder<VideoIndex>);

}  // namespace bobbin

#endif
