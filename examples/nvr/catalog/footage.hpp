#ifndef NVR_CATALOG_FOOTAGE_HPP
#define NVR_CATALOG_FOOTAGE_HPP

#include "catalog/catalog.hpp"
#include "catalog/recorder.hpp"
#include "catalog/sample_entries.hpp"

#include <vector>

namespace nvr {

/// What can be seen of a stream: the store's recordings and those that are not committed yet, as they
/// stand now. Internally synchronised.
class Footage {
public:
    Footage(Catalog& catalog, SampleEntries& entries, Recorder::Reader reader) noexcept
        : catalog_{catalog}, entries_{entries}, reader_{std::move(reader)} {}

    bobbin::Result<std::vector<Recording>> by_time(bobbin::StreamId stream, bobbin::WallTime from,
                                                   bobbin::WallTime to);
    bobbin::Result<std::vector<Recording>> by_number(bobbin::StreamId stream, bobbin::Sequence first,
                                                     bobbin::Sequence last);

    Catalog& catalog() noexcept { return catalog_; }
    const SampleEntries& entries() const noexcept { return entries_; }
    const Recorder::Reader& reader() const noexcept { return reader_; }

private:
    std::vector<Recording> growing(bobbin::StreamId stream);

    Catalog& catalog_;
    SampleEntries& entries_;
    Recorder::Reader reader_;
};

}  // namespace nvr

#endif
