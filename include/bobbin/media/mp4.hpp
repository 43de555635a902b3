#ifndef BOBBIN_MEDIA_MP4_HPP
#define BOBBIN_MEDIA_MP4_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/ids.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/media/detail/layout.hpp>
#include <bobbin/media/detail/subtitle.hpp>
#include <bobbin/media/segment.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace bobbin::media {

/// A piece of a file: bytes in memory, or bytes of an object's data file.
struct Slice {
    ByteView memory;           ///< valid until the next piece is asked for
    ObjectId object;           ///< none: `memory` counts
    std::uint64_t offset = 0;  ///< in the data file
    std::uint64_t length = 0;  ///< bytes, of either kind

    bool in_memory() const noexcept { return !object; }
};

/// The subtitle of a second: writes exactly as many characters as there are, in UTF-8, for instance
/// local time with its zone. Must not throw; called from whatever thread reads the file.
using SecondText = std::function<void(WallTime, std::span<char>)>;

class Mp4Slices;

/// A virtual file: laid out, its tables not generated, no sample copied. Immutable: any number of
/// readers at once, if the loader allows it.
class Mp4File {
public:
    /// Changes whenever the same segments give other bytes than before.
    static constexpr std::uint32_t format_serial = 1;

    std::uint64_t size() const noexcept { return layout_.parts.empty() ? 0 : layout_.parts.back().end; }

    /// What is shown: without what only leads up to it.
    MediaDuration duration() const noexcept { return shown_; }
    /// What is decoded and not shown before the first segment's `from`.
    MediaDuration leading_media() const noexcept {
        return resolved_.empty() ? MediaDuration{} : resolved_.front().plan.lead;
    }
    std::uint64_t samples() const noexcept { return samples_; }

    /// All that decides the file's bytes: equal keys, equal files. Hash it for an entity tag.
    /// @allocates the key
    std::vector<std::byte> content_key() const {
        detail::Buffer key;
        detail::put32(key, format_serial);
        detail::put32(key, static_cast<std::uint32_t>(variant_.size()));
        detail::put_bytes(key, variant_);
        for (const auto& r : resolved_) {
            detail::put64(key, r.segment.object.value);
            detail::put32(key, r.segment.open.value);
            detail::put64(key, static_cast<std::uint64_t>(r.segment.start.ticks));
            detail::put64(key, static_cast<std::uint64_t>(r.segment.from.count));
            detail::put64(key, static_cast<std::uint64_t>(r.segment.to.count));
            // A recording that grows may get another sample at the same time.
            detail::put64(key, r.plan.first);
            detail::put64(key, r.plan.samples);
            detail::put64(key, r.plan.bytes);
            detail::put32(key, static_cast<std::uint32_t>(r.segment.entry->box.size()));
            detail::put_bytes(key, r.segment.entry->box);
        }
        return key;
    }

    /// The pieces of the bytes [begin, end), cut off at the file's end. The file must outlive them.
    Mp4Slices slices(std::uint64_t begin, std::uint64_t end) const noexcept;

private:
    friend class Mp4Builder;
    friend class Mp4Slices;

    struct Resolved {
        Segment segment;
        SegmentPlan plan;
        std::uint64_t first_sample = 0;  ///< number in the file, from 0
        std::uint32_t entry = 0;         ///< index of its sample entry, from 0
    };

    Result<IndexBytes> index_of(const Segment& segment) const {
        if (segment.index) return segment.index;
        if (!loader_) return Error{Errc::invalid_argument, Operation::read, segment.object};
        auto loaded = loader_(segment.object);
        if (loaded && !*loaded) return Error{Errc::object_unknown, Operation::read, segment.object};
        return loaded;
    }

    detail::Layout layout_;
    std::vector<Resolved> resolved_;
    static detail::Seconds seconds_of(const Segment& segment) noexcept {
        return detail::Seconds::of(segment.start, segment.to - segment.from);
    }
    /// Of a subtitle sample: its text after a length.
    std::uint32_t text_size() const noexcept { return 2U + text_length_; }

    IndexLoader loader_;
    SecondText text_;
    std::uint16_t text_length_ = 0;
    MediaDuration shown_{};
    std::uint64_t samples_ = 0;
    detail::Buffer variant_;  // what else was asked for; empty for a file
};

/// Walks through the pieces of a range, generating the table bytes it needs, one segment's at a time.
/// External sync.
class Mp4Slices {
public:
    /// The next piece, never empty; none at the end. After an error, the same error again.
    /// @errors those of the loader and of `VideoSamples`, about the object; out_of_memory
    /// @allocates a buffer for table bytes, reused
    Result<std::optional<Slice>> next() noexcept;

    std::uint64_t position() const noexcept { return at_; }

private:
    friend class Mp4File;
    Mp4Slices(const Mp4File& file, std::uint64_t begin, std::uint64_t end) noexcept
        : file_{&file}, at_{begin}, end_{end} {
        const auto& parts = file.layout_.parts;
        const auto found = std::ranges::upper_bound(parts, begin, {}, &detail::Part::end);
        part_ = static_cast<std::size_t>(found - parts.begin());
    }

    void generate_texts(const detail::Part& part, std::uint64_t from, std::uint64_t to);
    Result<void> generate(const detail::Part& part, std::uint64_t from, std::uint64_t to);

    const Mp4File* file_;
    std::uint64_t at_;
    std::uint64_t end_;
    std::size_t part_;
    detail::Buffer generated_;  // reused
    ByteView piece_;
};

inline Mp4Slices Mp4File::slices(std::uint64_t begin, std::uint64_t end) const noexcept {
    return {*this, begin, std::min(end, size())};
}

inline Result<std::optional<Slice>> Mp4Slices::next() noexcept try {
    using detail::PartKind;
    if (at_ >= end_) return std::optional<Slice>{};
    const auto& layout = file_->layout_;
    const auto& part = layout.parts[part_];
    const auto part_begin = part_ == 0 ? 0 : layout.parts[part_ - 1].end;
    const auto from = at_ - part_begin;
    const auto to = std::min(end_, part.end) - part_begin;
    Slice slice;
    slice.length = to - from;
    if (part.kind == PartKind::fixed) {
        slice.memory = ByteView{layout.fixed}.subspan(part.at + from, slice.length);
    } else if (part.kind == PartKind::data) {
        const auto& r = file_->resolved_[part.segment];
        slice.object = r.segment.object;
        slice.offset = r.plan.offset + from;
    } else if (part.kind == PartKind::texts) {
        generate_texts(part, from, to);
        slice.memory = piece_;
    } else {
        if (auto r = generate(part, from, to); !r) return r.error();
        slice.memory = piece_;
    }
    at_ += slice.length;
    if (at_ == part.end) ++part_;
    return std::optional{slice};
} catch (const std::bad_alloc&) {
    return Error{Errc::out_of_memory, Operation::read};
}

/// The bytes [from, to) of a segment's subtitles.
inline void Mp4Slices::generate_texts(const detail::Part& part, std::uint64_t from, std::uint64_t to) {
    const auto seconds = Mp4File::seconds_of(file_->resolved_[part.segment].segment);
    const std::uint64_t size = file_->text_size();
    const auto first = from / size, last = (to + size - 1) / size;
    if (generated_.size() < (last - first) * size) generated_.resize((last - first) * size);
    for (auto n = first; n < last; ++n) {
        auto* const sample = generated_.data() + (n - first) * size;
        detail::store_be(sample, file_->text_length_);
        const WallTime second{(seconds.first + static_cast<std::int64_t>(n)) * detail::ticks_a_second};
        file_->text_(second, {reinterpret_cast<char*>(sample + 2), file_->text_length_});
    }
    piece_ = ByteView{generated_}.subspan(from - first * size, to - from);
}

/// The bytes [from, to) of a segment's part of a table: entries are of 4 or 8 bytes, and only those
/// that the range touches are written.
inline Result<void> Mp4Slices::generate(const detail::Part& part, std::uint64_t from, std::uint64_t to) {
    using detail::PartKind;
    const auto& r = file_->resolved_[part.segment];
    const auto index = file_->index_of(r.segment);
    if (!index) return index.error();
    const std::uint64_t width = part.kind == PartKind::durations ? 8 : 4;
    const auto first = from / width, last = (to + width - 1) / width;
    const auto count = last - first;
    if (generated_.size() < count * width) generated_.resize(count * width);
    auto* const out = generated_.data();

    std::uint64_t entry = 0;  // of the table
    const auto put = [&](std::uint32_t value) {
        if (entry - first < count) detail::store_be(out + (entry - first) * 4, value);
        ++entry;
    };
    std::uint32_t run = 0;
    std::uint32_t duration = 0;
    const auto put_run = [&] {
        if (entry - first < count) {
            detail::store_be(out + (entry - first) * 8, run);
            detail::store_be(out + (entry - first) * 8 + 4, duration);
        }
        ++entry;
    };
    auto number = static_cast<std::uint32_t>(r.first_sample);
    const auto walk = [&](auto&& one) { return for_each_sample(**index, r.plan, r.segment.to, one); };
    Result<void> decoded;
    if (part.kind == PartKind::durations) {
        decoded = walk([&](const VideoSample& s) {
            const auto ticks = static_cast<std::uint32_t>(s.duration.count);
            if (run != 0 && ticks != duration) {
                put_run();
                run = 0;
            }
            duration = ticks;
            ++run;
            return entry < last;
        });
        if (entry < last) put_run();
    } else if (part.kind == PartKind::sizes) {
        decoded = walk([&](const VideoSample& s) {
            put(s.size);
            return entry < last;
        });
    } else {
        decoded = walk([&](const VideoSample& s) {
            ++number;
            if (s.sync) put(number);
            return entry < last;
        });
    }
    if (!decoded) return decoded.about(r.segment.object);
    // An index that changed since it was planned would move every byte after it.
    if (entry != last) return Error{Errc::index_malformed, Operation::decode, r.segment.object};
    piece_ = ByteView{generated_}.subspan(from - first * width, to - from);
    return {};
}

}  // namespace bobbin::media

#endif
