#ifndef BOBBIN_MEDIA_SAMPLE_CONVERTER_HPP
#define BOBBIN_MEDIA_SAMPLE_CONVERTER_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/media/detail/boxes.hpp>
#include <bobbin/media/nal.hpp>
#include <bobbin/media/parameter_sets.hpp>
#include <bobbin/media/sample_entry.hpp>

#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace bobbin::media {

/// Turns the packets of a demuxer into samples as they go into a file: NAL units after a length of
/// 4 bytes each, their content bit for bit as received, delimiters and filler included. External sync.
///
/// Parameter sets go to the sample entry, where `avc1` and `hvc1` want them: one that is in the entry
/// already is left out of the sample. A new one in a sync sample makes a new entry and is left out.
/// A new one elsewhere stays in its sample, as the samples up to the next sync sample may need it,
/// and is part of the entry from that one on.
/// @source ISO/IEC 14496-15, 5.3.4 and 8.3.4
class SampleConverter {
public:
    static constexpr std::size_t max_units = 4096;
    static constexpr std::size_t max_packet_bytes = std::size_t{64} << 20;

    struct Facts {
        bool sync = false;     ///< as the NAL units say, never as a demuxer does
        bool picture = false;  ///< without one there is nothing to store: parameter sets alone
    };

    /// `extradata` as the demuxer gives it, possibly empty: `avcC` or `hvcC` say that packets have
    /// length fields, else they are byte streams.
    /// @errors those of `ParameterSets::put_extradata`
    static Result<SampleConverter> create(Codec codec, ByteView extradata) noexcept {
        SampleConverter made{codec};
        const auto length_size = made.sets_.put_extradata(extradata);
        if (!length_size) return length_size.error();
        made.length_size_ = *length_size;
        return made;
    }

    /// Converts one packet (one picture) into `sample`, whose memory is reused.
    /// @errors bitstream_malformed (caps included), parameter_sets_missing in a sync sample before
    ///   they came, samples_reordered where they announce B-frames, those of `ParameterSets::put`,
    ///   out_of_memory
    /// @allocates when `sample` grows
    Result<Facts> convert(ByteView packet, std::vector<std::byte>& sample) noexcept try {
        sample.clear();
        if (packet.size() > max_packet_bytes) return Error{Errc::bitstream_malformed, Operation::decode};
        units_.clear();
        auto taken = length_size_ == 0 ? split(AnnexBUnits{packet}) : split(LengthPrefixedUnits{packet, length_size_});
        if (!taken) return taken.error();

        Facts facts;
        std::size_t slices = 0, sync_slices = 0, bytes = 0;
        for (const auto& unit : units_) {
            slices += unit.role == NalRole::slice || unit.role == NalRole::sync_slice;
            sync_slices += unit.role == NalRole::sync_slice;
            bytes += 4 + unit.bytes.size();
        }
        facts.picture = slices != 0;
        facts.sync = slices != 0 && sync_slices == slices;

        sample.reserve(bytes);
        for (const auto& unit : units_) {
            if (is_set(unit.role)) {
                const auto differs = sets_.put(unit.bytes);
                if (!differs) return differs.error();
                changed_ = changed_ || *differs;
                if (!*differs || facts.sync || !facts.picture) continue;
            }
            detail::put32(sample, static_cast<std::uint32_t>(unit.bytes.size()));
            detail::put_bytes(sample, unit.bytes);
        }
        if (facts.sync && changed_) {
            if (auto made = make_entry(); !made) return made.error();
        }
        return facts;
    } catch (const std::bad_alloc&) {
        return Error{Errc::out_of_memory, Operation::decode};
    }

    /// Of the last sync sample and those after it; none before the first. The same object as long as
    /// nothing changes.
    const std::shared_ptr<const SampleEntry>& entry() const noexcept { return entry_; }

private:
    struct Unit {
        NalRole role;
        ByteView bytes;
    };

    explicit SampleConverter(Codec codec) noexcept : sets_{codec} {}

    static bool is_set(NalRole role) noexcept {
        return role == NalRole::vps || role == NalRole::sps || role == NalRole::pps;
    }

    template <class Units>
    Result<void> split(Units units) {
        for (;;) {
            const auto unit = units.next();
            if (!unit) return unit.error();
            if (!*unit) return {};
            if (units_.size() == max_units) return Error{Errc::bitstream_malformed, Operation::decode};
            units_.push_back({nal_role(sets_.codec(), **unit), **unit});
        }
    }

    Result<void> make_entry() {
        auto entry = sets_.sample_entry();
        if (!entry) return entry.error();
        const auto sps = sets_.sequence();
        if (!sps) return sps.error();
        if (sps->reorder_frames.value_or(0) > 0) return Error{Errc::samples_reordered, Operation::decode};
        if (!entry_ || !(*entry_ == *entry)) entry_ = std::make_shared<const SampleEntry>(*std::move(entry));
        changed_ = false;
        return {};
    }

    ParameterSets sets_;
    unsigned length_size_ = 0;
    bool changed_ = true;
    std::vector<Unit> units_;
    std::shared_ptr<const SampleEntry> entry_;
};

}  // namespace bobbin::media

#endif
