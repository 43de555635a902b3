#include "catalog/sample_entries.hpp"

namespace nvr {

using namespace bobbin;

Result<void> SampleEntries::load(SqliteStore& store) {
    auto reader = store.reader();
    if (!reader) return reader.error();
    auto select = reader->statement("select id, box from sample_entry");
    if (!select) return select.error();
    if (auto ok = select->bind(); !ok) return ok;
    const std::lock_guard lock{mutex_};
    return select->each<std::uint32_t, ByteView>([&](std::uint32_t id, ByteView box) -> Result<void> {
        auto entry = media::SampleEntry::parse(box);
        if (!entry) return entry.error();
        entries_[id] = std::make_shared<const media::SampleEntry>(std::move(*entry));
        return {};
    });
}

std::uint32_t SampleEntries::id_of(const Entry& entry) {
    const std::lock_guard lock{mutex_};
    for (const auto& [id, known] : entries_)
        if (known == entry || *known == *entry) return id;
    const auto id = entries_.empty() ? 1 : entries_.rbegin()->first + 1;
    entries_.emplace(id, entry);
    return id;
}

auto SampleEntries::find(std::uint32_t id) const -> Entry {
    const std::lock_guard lock{mutex_};
    const auto found = entries_.find(id);
    return found == entries_.end() ? Entry{} : found->second;
}

}  // namespace nvr
