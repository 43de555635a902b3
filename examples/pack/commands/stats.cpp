#include "commands/commands.hpp"

#include <fmt/core.h>

#include <map>

namespace packs {

using namespace bobbin;

int stats(const Common& common) {
    Repository repository{common.store, Repository::For::reading, common.wait};
    const auto [snapshots, damaged] = repository.snapshots();
    for (const auto& id : damaged) print_error(words_of_damaged(id));
    Bytes disk, raw, stored, restored;
    std::uint64_t records = 0, chunks = 0, unusable = 0;
    std::map<std::uint8_t, std::uint64_t> codecs;
    for (const auto& snapshot : snapshots) restored += snapshot.bytes;
    for (const auto& row : repository.view().packs()) {
        disk += row.size;
        auto pack = repository.view().open(row.id);
        if (!pack) {
            ++unusable;
            continue;
        }
        chunks += pack->chunks();
        records += pack->index().records().size();
        for (const auto& record : pack->index().records()) {
            raw += Bytes{record.shape.raw};
            stored += Bytes{record.shape.stored};
            codecs[record.shape.codec] += record.shape.stored;
        }
    }
    if (common.is_json) {
        print_json({{"snapshots", snapshots.size()},
                    {"bytes_of_snapshots", restored.value},
                    {"packs", repository.view().packs().size()},
                    {"packs_unusable", unusable},
                    {"records", records},
                    {"chunks", chunks},
                    {"raw_bytes", raw.value},
                    {"stored_bytes", stored.value},
                    {"pack_bytes", disk.value}});
        return exit_ok;
    }
    const auto ratio = [](Bytes of, Bytes by) {
        return by.value == 0 ? 0.0 : static_cast<double>(of.value) / static_cast<double>(by.value);
    };
    print_line(fmt::format("snapshots    {}, {} in all", snapshots.size(), readable(restored)));
    print_line(fmt::format("chunks       {}, {}", chunks, readable(raw)));
    print_line(fmt::format("records      {}, {} compressed ({:.2f} to 1)", records, readable(stored),
                           ratio(raw, stored)));
    print_line(fmt::format("packs        {}, {} on disk", repository.view().packs().size(), readable(disk)));
    print_line(fmt::format("saved        {:.1f} to 1, duplicates and compression together", ratio(restored, disk)));
    if (unusable != 0) print_line(fmt::format("unusable     {} packs; `bobbin-pack verify` tells why", unusable));
    return exit_ok;
}

}  // namespace packs
