#ifndef BOBBIN_DETAIL_RESTORE_MARK_HPP
#define BOBBIN_DETAIL_RESTORE_MARK_HPP

#include <bobbin/store/rows.hpp>

#include <algorithm>
#include <vector>

namespace bobbin::detail {

/// Makes a file end where its last hard mark says, durably: cuts off what follows and, where a torn
/// write has hurt it, puts back the last sector's bytes.
/// @errors `object_short`; of the file system
template <class File>
Result<void> restore_mark(File& file, const ObjectRow& row, ByteView tail) {
    auto status = file.status();
    if (!status) return status.error().about(row.id);
    if (status->size < row.size) return Error{Errc::object_short, Operation::recover, row.id};
    bool has_changed = false;
    if (status->size > row.size) {
        if (auto cut = file.truncate(row.size); !cut) return cut.about(row.id);
        has_changed = true;
    }
    if (tail.size() > row.size.value) return Error{Errc::store_invariant, Operation::recover, row.id};
    const auto offset = row.size.value - tail.size();
    std::vector<std::byte> there(tail.size());
    auto got = file.read_at(there, offset);
    if (!got) return got.error().about(row.id);
    // Where something followed, the disk may hold less of the tail than the kernel's copy shows.
    if (has_changed || !std::ranges::equal(there, tail)) {
        if (auto wrote = file.write_at(tail, offset); !wrote) return wrote.about(row.id);
        has_changed = true;
    }
    if (!has_changed) return {};
    return file.sync().result().about(row.id);
}

}  // namespace bobbin::detail

#endif
