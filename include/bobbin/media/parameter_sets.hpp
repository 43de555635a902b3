#ifndef BOBBIN_MEDIA_PARAMETER_SETS_HPP
#define BOBBIN_MEDIA_PARAMETER_SETS_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/media/detail/boxes.hpp>
#include <bobbin/media/nal.hpp>
#include <bobbin/media/sample_entry.hpp>
#include <bobbin/media/sps.hpp>

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

namespace bobbin::media {

/// The parameter sets that a stream has sent, the newest of each id, bounded in number and size.
/// External sync.
class ParameterSets {
public:
    /// Of each kind: what the five bits of `avcC` can count.
    static constexpr std::size_t max_sets = 31;

    explicit ParameterSets(Codec codec) noexcept : codec_{codec} {}

    Codec codec() const noexcept { return codec_; }

    /// Takes a parameter set, a NAL unit with its header; true if it is new or differs from the one
    /// of its id.
    /// @errors bitstream_malformed, not_supported (see `parse_sps`), out_of_range after `max_sets` of a kind,
    ///   out_of_memory; all change nothing
    /// @allocates for a new set
    Result<bool> put(ByteView unit) noexcept try {
        const auto id = parameter_set_id(codec_, unit);
        if (!id) return id.error();
        const auto role = nal_role(codec_, unit);
        const auto found = std::ranges::find_if(sets_, [&](const Set& s) { return s.role == role && s.id == *id; });
        if (found != sets_.end()) {
            if (std::ranges::equal(found->unit, unit)) return false;
            found->unit.assign(unit.begin(), unit.end());
            return true;
        }
        if (count_of(role) == max_sets) return Error{Errc::out_of_range, Operation::decode};
        // In the order of ids, so that the same sets give the same bytes whatever came first.
        const auto at = std::ranges::find_if(sets_, [&](const Set& s) {
            return std::pair{s.role, s.id} > std::pair{role, *id};
        });
        sets_.insert(at, Set{role, *id, {unit.begin(), unit.end()}});
        return true;
    } catch (const std::bad_alloc&) {
        return Error{Errc::out_of_memory, Operation::decode};
    }

    /// Takes the sets out of what a demuxer calls extradata: a byte stream (annex B), `avcC` or
    /// `hvcC`. Returns the size of a sample's length fields, or zero if samples are byte streams.
    /// @errors as `put`; bitstream_malformed
    Result<unsigned> put_extradata(ByteView extradata) noexcept {
        if (extradata.empty()) return 0U;
        if (extradata[0] == std::byte{1}) return put_record(extradata);
        AnnexBUnits units{extradata};
        for (;;) {
            const auto unit = units.next();
            if (!unit) return unit.error();
            if (!*unit) return 0U;
            if (auto r = put_if_set(**unit); !r) return r.error();
        }
    }

    /// Whether there is one of each kind that a decoder needs.
    bool complete() const noexcept {
        return has(NalRole::sps) && has(NalRole::pps) && (codec_ == Codec::h264 || has(NalRole::vps));
    }

    /// @errors parameter_sets_missing, or those of `parse_sps`
    Result<SequenceParameters> sequence() const noexcept {
        for (const auto& set : sets_)
            if (set.role == NalRole::sps) return parse_sps(codec_, set.unit);
        return Error{Errc::parameter_sets_missing, Operation::decode};
    }

    /// The sample entry that these sets make. Length fields have 4 bytes.
    /// @errors parameter_sets_missing, those of `parse_sps`, out_of_memory
    /// @source ISO/IEC 14496-15, 5.3.3.1 (avcC), 8.3.3.1 (hvcC)
    Result<SampleEntry> sample_entry() const noexcept try {
        if (!complete()) return Error{Errc::parameter_sets_missing, Operation::decode};
        const auto sps = sequence();
        if (!sps) return sps.error();
        detail::Buffer out;
        {
            using namespace detail;
            const Box entry{out, codec_ == Codec::h264 ? "avc1" : "hvc1"};
            put_zeros(out, 6);
            put16(out, 1);  // data reference
            put_zeros(out, 16);
            put16(out, sps->width);
            put16(out, sps->height);
            put32(out, 0x480000);  // 72 dpi, as the standard demands
            put32(out, 0x480000);
            put32(out, 0);
            put16(out, 1);  // frames a sample
            put_zeros(out, 32);
            put16(out, 24);
            put16(out, 0xffff);
            codec_ == Codec::h264 ? put_avcc(out, *sps) : put_hvcc(out, *sps);
            if (sps->aspect && sps->aspect->horizontal != sps->aspect->vertical) {
                const Box pasp{out, "pasp"};
                put32(out, sps->aspect->horizontal);
                put32(out, sps->aspect->vertical);
            }
        }
        return SampleEntry::parse(out);
    } catch (const std::bad_alloc&) {
        return Error{Errc::out_of_memory, Operation::encode};
    }

private:
    struct Set {
        NalRole role;
        std::uint32_t id;
        std::vector<std::byte> unit;
    };

    bool has(NalRole role) const noexcept {
        return std::ranges::any_of(sets_, [&](const Set& s) { return s.role == role; });
    }
    static bool is_set(NalRole role) noexcept {
        return role == NalRole::vps || role == NalRole::sps || role == NalRole::pps;
    }
    Result<void> put_if_set(ByteView unit) noexcept {
        if (unit.empty() || !is_set(nal_role(codec_, unit))) return {};
        const auto r = put(unit);
        return r ? Result<void>{} : Result<void>{r.error()};
    }

    // Takes `count` units, each after a length of 16 bits, from the front of `rest`.
    Result<void> put_units(ByteView& rest, unsigned count) noexcept {
        const Error wrong{Errc::bitstream_malformed, Operation::decode};
        for (; count > 0; --count) {
            if (rest.size() < 2) return wrong;
            const std::size_t length = detail::load_be<std::uint16_t>(rest.data());
            if (length > rest.size() - 2) return wrong;
            if (auto r = put_if_set(rest.subspan(2, length)); !r) return r;
            rest = rest.subspan(2 + length);
        }
        return {};
    }
    Result<unsigned> put_record(ByteView record) noexcept {
        const Error wrong{Errc::bitstream_malformed, Operation::decode};
        const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(record[i]); };
        const bool h264 = codec_ == Codec::h264;
        if (record.size() < (h264 ? 7U : 23U)) return wrong;
        const auto length_size = (byte(h264 ? 4 : 21) & 3) + 1;
        if (length_size == 3) return wrong;
        auto rest = record.subspan(h264 ? 6 : 23);
        if (h264) {
            if (auto r = put_units(rest, byte(5) & 31); !r) return r.error();
            if (rest.empty()) return wrong;
            const auto count = std::to_integer<unsigned>(rest[0]);
            rest = rest.subspan(1);
            if (auto r = put_units(rest, count); !r) return r.error();
            return length_size;
        }
        for (unsigned arrays = byte(22); arrays > 0; --arrays) {
            if (rest.size() < 3) return wrong;
            const unsigned count = detail::load_be<std::uint16_t>(&rest[1]);
            rest = rest.subspan(3);
            if (auto r = put_units(rest, count); !r) return r.error();
        }
        return length_size;
    }

    void put_units_of(detail::Buffer& out, NalRole role) const {
        for (const auto& set : sets_) {
            if (set.role != role) continue;
            detail::put16(out, static_cast<unsigned>(set.unit.size()));
            detail::put_bytes(out, set.unit);
        }
    }
    unsigned count_of(NalRole role) const noexcept {
        return static_cast<unsigned>(std::ranges::count_if(sets_, [&](const Set& s) { return s.role == role; }));
    }
    void put_avcc(detail::Buffer& out, const SequenceParameters& sps) const {
        using namespace detail;
        const Box box{out, "avcC"};
        put8(out, 1);
        for (std::size_t i = 0; i < 3; ++i) put8(out, sps.profile[i]);
        put8(out, 0xfc | 3);
        put8(out, 0xe0 | count_of(NalRole::sps));
        put_units_of(out, NalRole::sps);
        put8(out, count_of(NalRole::pps));
        put_units_of(out, NalRole::pps);
        const auto profile = sps.profile[0];
        if (profile == 100 || profile == 110 || profile == 122 || profile == 144 || profile == 244) {
            put8(out, 0xfcU | sps.chroma_format);
            put8(out, 0xf8U | (sps.luma_depth - 8U));
            put8(out, 0xf8U | (sps.chroma_depth - 8U));
            put8(out, 0);
        }
    }
    void put_hvcc(detail::Buffer& out, const SequenceParameters& sps) const {
        using namespace detail;
        const Box box{out, "hvcC"};
        put8(out, 1);
        for (const auto byte : sps.profile) put8(out, byte);
        put16(out, 0xf000);  // segmentation and parallelism: not known
        put8(out, 0xfc);
        put8(out, 0xfcU | sps.chroma_format);
        put8(out, 0xf8U | (sps.luma_depth - 8U));
        put8(out, 0xf8U | (sps.chroma_depth - 8U));
        put16(out, 0);  // frame rate: not known
        put8(out, unsigned{sps.temporal_layers} << 3 | (sps.temporal_id_nesting ? 4U : 0U) | 3U);
        put8(out, 3);
        for (const auto& [role, type] : {std::pair{NalRole::vps, 32U}, {NalRole::sps, 33U}, {NalRole::pps, 34U}}) {
            put8(out, 0x80 | type);  // complete: none are in the samples
            put16(out, count_of(role));
            put_units_of(out, role);
        }
    }

    Codec codec_;
    std::vector<Set> sets_;
};

}  // namespace bobbin::media

#endif
