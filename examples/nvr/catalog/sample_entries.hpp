#ifndef NVR_CATALOG_SAMPLE_ENTRIES_HPP
#define NVR_CATALOG_SAMPLE_ENTRIES_HPP

#include <bobbin/media/sample_entry.hpp>
#include <bobbin/store/sqlite.hpp>

#include <map>
#include <memory>
#include <mutex>

namespace nvr {

/// All sample entries by their numbers. A new one has its number at once; its row comes with the first
/// recording that needs it, so a camera never waits for the store. Internally synchronised.
class SampleEntries {
public:
    using Entry = std::shared_ptr<const bobbin::media::SampleEntry>;

    /// Those that the store has.
    bobbin::Result<void> load(bobbin::SqliteStore& store);

    std::uint32_t id_of(const Entry& entry);
    /// Null where there is none of that number.
    Entry find(std::uint32_t id) const;

private:
    mutable std::mutex mutex_;
    std::map<std::uint32_t, Entry> entries_;
};

}  // namespace nvr

#endif
