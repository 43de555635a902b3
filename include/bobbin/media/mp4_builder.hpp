#ifndef BOBBIN_MEDIA_MP4_BUILDER_HPP
#define BOBBIN_MEDIA_MP4_BUILDER_HPP

#include <bobbin/core/result.hpp>
#include <bobbin/media/detail/layout.hpp>
#include <bobbin/media/detail/movie.hpp>
#include <bobbin/media/fragment.hpp>
#include <bobbin/media/mp4.hpp>
#include <bobbin/media/segment.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace bobbin::media {

/// Lays out virtual files. What is added is played in the order in which it was added. External sync.
class Mp4Builder {
public:
    static constexpr std::size_t max_segments = 1 << 20;

    /// `loader` gives the indexes of segments that come without one, now and when the file is read.
    explicit Mp4Builder(IndexLoader loader = {}) { file_.loader_ = std::move(loader); }

    /// @errors (from `build`, where the first one of all is told) as `plan_segment`;
    ///   invalid_argument without an entry; out_of_range after `max_segments`; the loader's
    Mp4Builder& add(Segment segment) & noexcept {
        if (!error_) {
            if (auto r = try_add(std::move(segment)); !r) error_ = r.error();
        }
        return *this;
    }
    Mp4Builder&& add(Segment segment) && noexcept { return std::move(add(std::move(segment))); }

    /// Adds a subtitle track to a file: `text` of `length` characters for each second of wall time.
    /// `key` stands for all that decides the texts (zone, version of the zone's data).
    Mp4Builder& with_timestamps(SecondText text, std::uint16_t length, ByteView key) & {
        file_.text_ = std::move(text);
        file_.text_length_ = length;
        file_.variant_.assign(key.begin(), key.end());
        file_.variant_.push_back(std::byte{'t'});
        return *this;
    }
    Mp4Builder&& with_timestamps(SecondText text, std::uint16_t length, ByteView key) && {
        return std::move(with_timestamps(std::move(text), length, key));
    }

    /// A file for players: ftyp, moov, mdat. Consumes what was added.
    /// @errors of `add`; out_of_range where nothing was added, or the tables need 4 GiB or samples
    ///   more than 32 bits count; out_of_memory
    /// @source ISO/IEC 14496-12, 8.1 to 8.7
    Result<Mp4File> build() noexcept try {
        if (auto r = ready(); !r) return r.error();
        detail::Layout& out = file_.layout_;
        put_ftyp(out.fixed);
        ChunkOffsets chunk_offsets;
        const auto moov_begin = out.position();
        {
            const detail::LayoutBox moov{out, "moov"};
            chunk_offsets = put_moov(out);
        }
        if (out.position() - moov_begin > std::numeric_limits<std::uint32_t>::max()) return too_large();
        std::uint64_t bytes = 0;
        for (const auto& r : file_.resolved_) bytes += r.plan.bytes + texts_bytes(r.segment);
        detail::put32(out.fixed, 1);
        detail::put_text(out.fixed, "mdat");
        detail::put64(out.fixed, 16 + bytes);
        put_data(out, chunk_offsets);
        return std::exchange(file_, {});
    } catch (const std::bad_alloc&) {
        return Error{Errc::out_of_memory, Operation::read};
    }

    /// A media segment for `initialization_segment` of the one sample entry that all segments must
    /// share: moof, mdat. Begins at `leading_media` before the first `from`, at `decode_time`.
    /// @errors as `build`; invalid_argument where sample entries differ, or a later
    ///   segment does not begin at a sync sample; out_of_range over 4 GiB
    Result<Mp4File> build_fragment(MediaDuration decode_time = {}, std::uint32_t sequence = 1) noexcept try {
        if (auto r = ready(); !r) return r.error();
        if (entries_.size() != 1) return Error{Errc::invalid_argument, Operation::read};
        std::vector<FragmentSample> samples;
        samples.reserve(file_.samples_);
        for (const auto& r : file_.resolved_) {
            // Nothing in a fragment could hide a lead in the middle.
            if (&r != file_.resolved_.data() && r.plan.lead != MediaDuration{})
                return Error{Errc::invalid_argument, Operation::read, r.segment.object};
            const auto index = file_.index_of(r.segment);
            if (!index) return index.error();
            const auto decoded = for_each_sample(**index, r.plan, r.segment.to, [&](const VideoSample& s) {
                samples.push_back({s.size, static_cast<std::uint32_t>(s.duration.count), s.sync});
                return true;
            });
            if (!decoded) return decoded.about(r.segment.object).error();
        }
        auto head = fragment_head(samples, decode_time, sequence);
        if (!head) return head.error();
        file_.layout_.fixed = *std::move(head);
        file_.text_ = nullptr;  // a fragment has one track
        put_data(file_.layout_, {});
        file_.variant_.clear();
        detail::put32(file_.variant_, sequence);
        detail::put64(file_.variant_, static_cast<std::uint64_t>(decode_time.count));
        file_.variant_.push_back(std::byte{'f'});
        return std::exchange(file_, {});
    } catch (const std::bad_alloc&) {
        return Error{Errc::out_of_memory, Operation::read};
    }

private:
    static Error too_large() noexcept { return Error{Errc::out_of_range, Operation::read}; }

    Result<void> ready() const noexcept {
        if (error_) return *error_;
        if (file_.resolved_.empty() || file_.samples_ > std::numeric_limits<std::uint32_t>::max() / 2)
            return too_large();
        return {};
    }

    Result<void> try_add(Segment segment) noexcept try {
        if (!segment.entry) return Error{Errc::invalid_argument, Operation::read, segment.object};
        if (file_.resolved_.size() == max_segments) return too_large().about(segment.object);
        const auto index = file_.index_of(segment);
        if (!index) return index.error();
        const auto plan = plan_segment(**index, segment.from, segment.to);
        if (!plan) return plan.error().about(segment.object);

        const auto same = [&](const auto& e) { return e == segment.entry || *e == *segment.entry; };
        const auto found = std::ranges::find_if(entries_, same);
        const auto entry = static_cast<std::uint32_t>(found - entries_.begin());
        if (found == entries_.end()) entries_.push_back(segment.entry);
        const auto shown = segment.to - segment.from;
        file_.resolved_.push_back({std::move(segment), *plan, file_.samples_, entry});
        file_.samples_ += plan->samples;
        file_.shown_ += shown;
        return {};
    } catch (const std::bad_alloc&) {
        return Error{Errc::out_of_memory, Operation::read};
    }

    static void put_ftyp(detail::Buffer& out) {
        const detail::Box box{out, "ftyp"};
        detail::put_text(out, "isom");
        detail::put32(out, 0x200);
        detail::put_text(out, "isomiso2mp41");
    }

    /// Where in the fixed bytes chunk offsets are to be filled in; 0: nowhere.
    struct ChunkOffsets {
        std::size_t video = 0, texts = 0;
    };

    ChunkOffsets put_moov(detail::Layout& out) const {
        using namespace detail;
        const auto& first = file_.resolved_.front().segment;
        const auto created = mp4_time(first.start);
        const auto shown = static_cast<std::uint64_t>(file_.shown_.count);
        std::uint64_t media = 0;
        for (const auto& r : file_.resolved_) media += static_cast<std::uint64_t>(r.plan.media.count);
        put_mvhd(out.fixed, created, shown, file_.text_ ? 3 : 2);
        ChunkOffsets offsets;
        offsets.video = put_video_track(out, created, shown, media);
        if (file_.text_) offsets.texts = put_text_track(out.fixed, created, shown);
        return offsets;
    }

    std::size_t put_video_track(detail::Layout& out, std::uint64_t created, std::uint64_t shown, std::uint64_t media) const {
        using namespace detail;
        const LayoutBox trak{out, "trak"};
        put_tkhd(out.fixed, created, shown, *file_.resolved_.front().segment.entry);
        put_edits(out.fixed);
        const LayoutBox mdia{out, "mdia"};
        put_mdhd(out.fixed, created, media);
        put_hdlr(out.fixed, "vide", "video");
        const LayoutBox minf{out, "minf"};
        put_vmhd_dinf(out.fixed);
        const LayoutBox stbl{out, "stbl"};
        return put_tables(out);
    }

    std::uint64_t texts_bytes(const Segment& segment) const noexcept {
        return file_.text_ ? std::uint64_t{file_.text_size()} * Mp4File::seconds_of(segment).count : 0;
    }

    std::size_t put_text_track(detail::Buffer& out, std::uint64_t created, std::uint64_t shown) const {
        using namespace detail;
        const Box trak{out, "trak"};
        put_tkhd(out, created, shown, *file_.resolved_.front().segment.entry, 2);
        const Box mdia{out, "mdia"};
        put_mdhd(out, created, shown);
        put_hdlr(out, "sbtl", "time");
        const Box minf{out, "minf"};
        { const Box nmhd{out, "nmhd", 0, 0}; }
        put_dinf(out);
        const Box stbl{out, "stbl"};
        std::uint32_t runs = 0, samples = 0;
        for (const auto& r : file_.resolved_) {
            const auto seconds = Mp4File::seconds_of(r.segment);
            runs += seconds.runs();
            samples += seconds.count;
        }
        const auto count = static_cast<std::uint32_t>(file_.resolved_.size());
        {
            const Box stsd{out, "stsd", 0, 0};
            put32(out, 1);
            put_tx3g(out);
        }
        {
            const Box stts{out, "stts", 0, 0};
            put32(out, runs);
            for (const auto& r : file_.resolved_) Mp4File::seconds_of(r.segment).put_runs(out);
        }
        {
            const Box stsc{out, "stsc", 0, 0};
            put32(out, count);
            for (std::uint32_t i = 0; i < count; ++i) {
                put32(out, i + 1);
                put32(out, Mp4File::seconds_of(file_.resolved_[i].segment).count);
                put32(out, 1);
            }
        }
        {
            const Box stsz{out, "stsz", 0, 0};
            put32(out, file_.text_size());
            put32(out, samples);
        }
        const Box co64{out, "co64", 0, 0};
        put32(out, count);
        const auto at = out.size();
        put_zeros(out, std::size_t{8} * count);
        return at;
    }

    /// An edit for each stretch that is shown without a break; none where that is all there is.
    void put_edits(detail::Buffer& out) const {
        struct Edit {
            std::uint64_t duration, media_time;
        };
        std::vector<Edit> edits;
        std::uint64_t media = 0;
        for (const auto& r : file_.resolved_) {
            const auto lead = static_cast<std::uint64_t>(r.plan.lead.count);
            const auto end = media + static_cast<std::uint64_t>(r.plan.media.count);
            if (edits.empty() || lead != 0)
                edits.push_back({end - media - lead, media + lead});
            else
                edits.back().duration += end - media;
            media = end;
        }
        if (edits.size() == 1 && edits.front().media_time == 0) return;
        const detail::Box edts{out, "edts"};
        const detail::Box elst{out, "elst", 1, 0};
        detail::put32(out, static_cast<std::uint32_t>(edits.size()));
        for (const auto& edit : edits) {
            detail::put64(out, edit.duration);
            detail::put64(out, edit.media_time);
            detail::put32(out, 0x10000);
        }
    }

    std::size_t put_tables(detail::Layout& out) const {
        using namespace detail;
        const auto& segments = file_.resolved_;
        const auto count = static_cast<std::uint32_t>(segments.size());
        std::uint32_t runs = 0, sync_samples = 0;
        for (const auto& r : segments) {
            runs += r.plan.duration_runs;
            sync_samples += r.plan.sync_samples;
        }
        {
            const LayoutBox box{out, "stsd", 0, 0};
            put32(out.fixed, static_cast<std::uint32_t>(entries_.size()));
            for (const auto& entry : entries_) put_bytes(out.fixed, entry->box);
        }
        {
            const LayoutBox box{out, "stts", 0, 0};
            put32(out.fixed, runs);
            for (std::uint32_t i = 0; i < count; ++i)
                out.add(PartKind::durations, i, std::uint64_t{8} * segments[i].plan.duration_runs);
        }
        {
            const LayoutBox box{out, "stss", 0, 0};
            put32(out.fixed, sync_samples);
            for (std::uint32_t i = 0; i < count; ++i)
                out.add(PartKind::sync_numbers, i, std::uint64_t{4} * segments[i].plan.sync_samples);
        }
        {
            const LayoutBox box{out, "stsc", 0, 0};
            put32(out.fixed, count);
            for (std::uint32_t i = 0; i < count; ++i) {
                put32(out.fixed, i + 1);
                put32(out.fixed, segments[i].plan.samples);
                put32(out.fixed, segments[i].entry + 1);
            }
        }
        {
            const LayoutBox box{out, "stsz", 0, 0};
            put32(out.fixed, 0);
            put32(out.fixed, static_cast<std::uint32_t>(file_.samples_));
            for (std::uint32_t i = 0; i < count; ++i)
                out.add(PartKind::sizes, i, std::uint64_t{4} * segments[i].plan.samples);
        }
        const LayoutBox box{out, "co64", 0, 0};
        put32(out.fixed, count);
        const auto at = out.fixed.size();
        put_zeros(out.fixed, std::size_t{8} * count);
        return at;
    }

    /// One chunk a segment in each track; subtitles first, so that playing never goes back.
    void put_data(detail::Layout& out, ChunkOffsets offsets) const {
        const auto note = [&](std::size_t table, std::uint32_t i) {
            if (table != 0) detail::store_be(&out.fixed[table + std::size_t{8} * i], out.position());
        };
        for (std::uint32_t i = 0; i < file_.resolved_.size(); ++i) {
            const auto& r = file_.resolved_[i];
            note(offsets.texts, i);
            out.add(detail::PartKind::texts, i, texts_bytes(r.segment));
            note(offsets.video, i);
            out.add(detail::PartKind::data, i, r.plan.bytes);
        }
    }

    Mp4File file_;
    std::vector<std::shared_ptr<const SampleEntry>> entries_;
    std::optional<Error> error_;
};

}  // namespace bobbin::media

#endif
