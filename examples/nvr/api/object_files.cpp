#include "api/object_files.hpp"

namespace nvr {

using namespace bobbin;

Result<std::shared_ptr<OpenFile>> ObjectFiles::open(ObjectId id) {
    std::uint64_t forgotten = 0;
    {
        const std::lock_guard lock{mutex_};
        if (auto known = files_.find(id)) return known;
        forgotten = forgotten_;
    }
    auto object = reader_.open(id);
    if (!object) return object.error();
    auto file = std::make_shared<OpenFile>(std::move(*object));
    const std::lock_guard lock{mutex_};
    if (forgotten != forgotten_) return file;  // it may be among those
    return files_.add(id, std::move(file), 1, most_files);
}

Result<std::shared_ptr<OpenFile>> ObjectFiles::open_to_export(ObjectId id) const {
    auto object = reader_.open(id, {.read_ahead = 4_MiB, .drops_behind = true});
    if (!object) return object.error();
    return std::make_shared<OpenFile>(std::move(*object));
}

Result<media::IndexBytes> ObjectFiles::index(ObjectId id) {
    {
        const std::lock_guard lock{mutex_};
        if (auto known = indexes_.find(id)) return known;
    }
    auto bytes = store_.piece_bytes(id, PieceKind::index);
    if (!bytes) return bytes.error();
    auto index = std::make_shared<const std::vector<std::byte>>(std::move(*bytes));
    const auto weight = index->size();
    const std::lock_guard lock{mutex_};
    return indexes_.add(id, media::IndexBytes{std::move(index)}, weight, most_index_bytes);
}

void ObjectFiles::forget(ObjectId id) noexcept {
    const std::lock_guard lock{mutex_};
    ++forgotten_;
    files_.drop(id);
    indexes_.drop(id);
}

}  // namespace nvr
