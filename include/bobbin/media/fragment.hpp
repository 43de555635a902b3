#ifndef BOBBIN_MEDIA_FRAGMENT_HPP
#define BOBBIN_MEDIA_FRAGMENT_HPP

#include <bobbin/core/result.hpp>
#include <bobbin/core/ticks.hpp>
#include <bobbin/media/detail/boxes.hpp>
#include <bobbin/media/detail/movie.hpp>
#include <bobbin/media/sample_entry.hpp>

#include <cstdint>
#include <limits>
#include <new>
#include <span>
#include <vector>

namespace bobbin::media {

/// What a fragment says of a sample.
struct FragmentSample {
    std::uint32_t size = 0;      ///< bytes
    std::uint32_t duration = 0;  ///< ticks of 1/90,000 s
    bool sync = false;
};

/// The initialization segment for fragments with this sample entry: ftyp, moov.
/// @errors out_of_memory
/// @source ISO/IEC 14496-12, 8.8.1 (mvex), 8.8.3 (trex)
inline Result<std::vector<std::byte>> initialization_segment(const SampleEntry& entry) noexcept try {
    using namespace detail;
    Buffer out;
    {
        const Box ftyp{out, "ftyp"};
        put_text(out, "iso5");
        put32(out, 0x200);
        put_text(out, "iso5iso6mp41");
    }
    {
        const Box moov{out, "moov"};
        put_mvhd(out, 0, 0, 2);
        {
            const Box trak{out, "trak"};
            put_tkhd(out, 0, 0, entry);
            const Box mdia{out, "mdia"};
            put_mdhd(out, 0, 0);
            put_hdlr(out, "vide", "video");
            const Box minf{out, "minf"};
            put_vmhd_dinf(out);
            const Box stbl{out, "stbl"};
            {
                const Box stsd{out, "stsd", 0, 0};
                put32(out, 1);
                put_bytes(out, entry.box);
            }
            for (const auto* type : {"stts", "stsc", "stco"}) {
                const Box empty{out, type, 0, 0};
                put32(out, 0);
            }
            const Box stsz{out, "stsz", 0, 0};
            put64(out, 0);
        }
        const Box mvex{out, "mvex"};
        const Box trex{out, "trex", 0, 0};
        put32(out, 1);  // track
        put32(out, 1);  // sample entry
        put_zeros(out, 12);
    }
    return out;
} catch (const std::bad_alloc&) {
    return Error{Errc::out_of_memory, Operation::encode};
}

namespace detail {

// sample_depends_on and sample_is_non_sync_sample of 8.8.3.1
inline constexpr std::uint32_t sync_flags = 0x2000000;
inline constexpr std::uint32_t other_flags = 0x1010000;

inline std::size_t put_trun(Buffer& out, std::span<const FragmentSample> group) {
    const Box trun{out, "trun", 0, 0x1 | 0x4 | 0x100 | 0x200};
    put32(out, static_cast<std::uint32_t>(group.size()));
    const auto data_offset = out.size();
    put32(out, 0);
    put32(out, group.front().sync ? sync_flags : other_flags);
    for (const auto& s : group) {
        put32(out, s.duration);
        put32(out, s.size);
    }
    return data_offset;
}

}  // namespace detail

/// A fragment up to its samples, which follow in order: moof, the header of mdat. One `trun` for each
/// group of pictures; `decode_time` is that of the first sample.
/// @errors invalid_argument without samples or below zero; out_of_range over 2 GiB; out_of_memory
/// @source ISO/IEC 14496-12, 8.8.4 to 8.8.8 and 8.8.12
inline Result<std::vector<std::byte>> fragment_head(std::span<const FragmentSample> samples,
                                                    MediaDuration decode_time,
                                                    std::uint32_t sequence) noexcept try {
    using namespace detail;
    if (samples.empty() || decode_time.count < 0) return Error{Errc::invalid_argument, Operation::encode};
    Buffer out;
    struct Group {
        std::size_t field;
        std::uint64_t begin;
    };
    std::vector<Group> groups;
    std::uint64_t bytes = 0;
    {
        const Box moof{out, "moof"};
        {
            const Box mfhd{out, "mfhd", 0, 0};
            put32(out, sequence);
        }
        const Box traf{out, "traf"};
        {
            const Box tfhd{out, "tfhd", 0, 0x20020};  // default-base-is-moof, default flags
            put32(out, 1);
            put32(out, other_flags);
        }
        {
            const Box tfdt{out, "tfdt", 1, 0};
            put64(out, static_cast<std::uint64_t>(decode_time.count));
        }
        for (std::size_t i = 0; i < samples.size();) {
            auto end = i + 1;
            while (end < samples.size() && !samples[end].sync) ++end;
            groups.push_back({put_trun(out, samples.subspan(i, end - i)), bytes});
            for (; i < end; ++i) bytes += samples[i].size;
        }
    }
    const auto data = out.size() + 8;
    if (data + bytes > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max()))
        return Error{Errc::out_of_range, Operation::encode};
    for (const auto& group : groups)
        store_be(&out[group.field], static_cast<std::uint32_t>(data + group.begin));
    put32(out, static_cast<std::uint32_t>(8 + bytes));
    put_text(out, "mdat");
    return out;
} catch (const std::bad_alloc&) {
    return Error{Errc::out_of_memory, Operation::encode};
}

}  // namespace bobbin::media

#endif
