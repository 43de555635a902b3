#ifndef BOBBIN_DETAIL_RESTORE_MARK_HPP
#define BOBBIN_DETAIL_RESTORE_MARK_HPP

#include <bobbin/store/rows.hpp>

namespace bobbin::detail {

/// Makes a file end where its last hard mark says, durably: cuts off what follows, and puts back the
/// last sector's bytes, which a torn write may have hurt.
/// @errors `object_short`; of the file system
template <class File>
Result<void> restore_mark(File& file, const ObjectRow& row, ByteView tail) {
    auto status = file.status();
    if (!status) return status.error().about(row.id);
    if (status->size < row.size) return Error{Errc::object_short, Operation::recover, row.id};
    if (tail.size() > row.size.value) return Error{Errc::store_invariant, Operation::recover, row.id};
    if (auto cut = file.truncate(row.size); !cut) return cut.about(row.id);
    // Even where nothing seems wrong: the disk may hold less than the kernel's copy shows, and an
    // earlier recovery may have been killed between its changes and its sync.
    if (auto wrote = file.write_at(tail, row.size.value - tail.size()); !wrote)
        return wrote.about(row.id);
    return file.sync().result().about(row.id);
}

}  // namespace bobbin::detail

#endif
