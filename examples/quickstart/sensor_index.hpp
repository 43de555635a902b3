#ifndef QUICKSTART_SENSOR_INDEX_HPP
#define QUICKSTART_SENSOR_INDEX_HPP

#include <bobbin/core/ticks.hpp>
#include <bobbin/index/concept.hpp>

#include <new>
#include <vector>

namespace quickstart {

// [sensor_index]
/// The index of readings: for each its time (nanoseconds since 1970 UTC, 64 bits) and its size in
/// bytes (32 bits), both little-endian.
class SensorIndex {
public:
    using policy_concept = bobbin::index_encoder_tag;
    static constexpr bobbin::FormatId format_id{"sensor.v1"};
    static constexpr std::size_t entry_size = 12;

    struct Record {
        bobbin::WallNanoseconds time;
    };
    struct Counts {
        std::uint64_t readings = 0;
        friend bool operator==(Counts, Counts) = default;
    };

    bobbin::Result<void> add(Record record, bobbin::Bytes size) noexcept {
        if (is_taken_) piece_.clear();
        is_taken_ = false;
        const auto at = piece_.size();
        try {
            piece_.resize(at + entry_size);
        } catch (const std::bad_alloc&) {
            return bobbin::Error{bobbin::Errc::out_of_memory, bobbin::Operation::encode};
        }
        const auto time = record.time.time_since_epoch().count();
        bobbin::store_le(piece_.data() + at, static_cast<std::uint64_t>(time));
        bobbin::store_le(piece_.data() + at + 8, static_cast<std::uint32_t>(size.value));
        ++counts_.readings;
        return {};
    }
    bool starts_group(Record) const noexcept { return true; }
    bobbin::ByteView take_piece() noexcept {
        if (is_taken_) piece_.clear();
        is_taken_ = true;
        return piece_;
    }
    Counts counts() const noexcept { return counts_; }

    static void tally(Counts& counts, Record, bobbin::Bytes) noexcept { ++counts.readings; }
    static bobbin::Result<Counts> count(bobbin::ByteView index, bobbin::Bytes data_size) noexcept {
        const auto readings = index.size() / entry_size;
        std::uint64_t sum = 0;
        for (std::size_t n = 0; n < readings; ++n) sum += size_of(index, n);
        if (index.size() % entry_size != 0 || sum != data_size.value)
            return bobbin::Error{bobbin::Errc::index_malformed, bobbin::Operation::decode};
        return Counts{readings};
    }

    struct Reading {
        std::uint64_t offset;
        std::uint32_t size;
    };
    static std::vector<Reading> records(bobbin::ByteView index) {
        std::vector<Reading> all;
        std::uint64_t offset = 0;
        for (std::size_t n = 0; n < index.size() / entry_size; ++n) {
            all.push_back({offset, size_of(index, n)});
            offset += all.back().size;
        }
        return all;
    }

private:
    static std::uint32_t size_of(bobbin::ByteView index, std::size_t n) noexcept {
        return bobbin::load_le<std::uint32_t>(index.data() + n * entry_size + 8);
    }

    std::vector<std::byte> piece_;
    bool is_taken_ = false;
    Counts counts_;
};
static_assert(bobbin::IndexEncoder<SensorIndex>);
// [sensor_index]

}  // namespace quickstart

#endif
