#ifndef NVR_API_OBJECT_FILES_HPP
#define NVR_API_OBJECT_FILES_HPP

#include "catalog/recorder.hpp"

#include <bobbin/media/segment.hpp>

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <mutex>

namespace nvr {

/// A committed recording's file, open; several requests read it at once.
struct OpenFile {
    explicit OpenFile(Recorder::Reader::Object opened) : object{std::move(opened)} {}
    /// Checks what [offset, offset + size) touches, if nobody has yet.
    bobbin::Result<void> check(std::uint64_t offset, std::uint64_t size) {
        const std::lock_guard lock{mutex};
        return object.check(offset, size);
    }
    /// Sent, and not needed again soon.
    void sent(std::uint64_t offset, std::uint64_t size) {
        const std::lock_guard lock{mutex};
        object.sent(offset, size);
    }
    int descriptor() const noexcept { return object.file().handle(); }

    std::mutex mutex;
    Recorder::Reader::Object object;
};

/// Files and indexes of recordings that were asked for lately. Internally synchronised; nothing is read
/// under the lock.
class ObjectFiles {
public:
    static constexpr std::size_t most_files = 32;
    static constexpr std::size_t most_index_bytes = std::size_t{32} << 20;

    ObjectFiles(Recorder::Reader reader, bobbin::SqliteStore& store) noexcept
        : reader_{std::move(reader)}, store_{store} {}

    /// @errors those of `Reader::open`
    bobbin::Result<std::shared_ptr<OpenFile>> open(bobbin::ObjectId id);
    /// For one reader alone, whose pages leave the cache once they are sent.
    /// @errors those of `Reader::open`
    bobbin::Result<std::shared_ptr<OpenFile>> open_to_export(bobbin::ObjectId id) const;
    bobbin::Result<bobbin::media::IndexBytes> index(bobbin::ObjectId id);

    /// A deleted recording's file is let go, so that its space becomes free; who reads it goes on.
    void forget(bobbin::ObjectId id) noexcept;

    const Recorder::Reader& reader() const noexcept { return reader_; }

private:
    template <class Value>
    struct Cache {
        struct Item {
            bobbin::ObjectId id;
            Value value;
            std::size_t weight;
        };
        std::list<Item> items;  // lately used first
        std::map<bobbin::ObjectId, typename std::list<Item>::iterator> places;
        std::size_t weight = 0;

        Value find(bobbin::ObjectId id) {
            const auto found = places.find(id);
            if (found == places.end()) return {};
            items.splice(items.begin(), items, found->second);
            return found->second->value;
        }
        /// The one that is there, if another thread was faster.
        Value add(bobbin::ObjectId id, Value value, std::size_t its_weight, std::size_t most) {
            if (auto known = find(id)) return known;
            items.push_front({id, value, its_weight});
            places[id] = items.begin();
            weight += its_weight;
            while (weight > most && items.size() > 1) drop(items.back().id);
            return value;
        }
        void drop(bobbin::ObjectId id) noexcept {
            const auto found = places.find(id);
            if (found == places.end()) return;
            weight -= found->second->weight;
            items.erase(found->second);
            places.erase(found);
        }
    };

    Recorder::Reader reader_;
    bobbin::SqliteStore& store_;
    std::mutex mutex_;
    std::uint64_t forgotten_ = 0;  ///< how often `forget` was called
    Cache<std::shared_ptr<OpenFile>> files_;
    Cache<bobbin::media::IndexBytes> indexes_;
};

}  // namespace nvr

#endif
