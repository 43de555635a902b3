#ifndef PACKS_STORE_SYNCED_ON_REQUEST_HPP
#define PACKS_STORE_SYNCED_ON_REQUEST_HPP

#include <bobbin/file/concept.hpp>

#include <utility>

namespace packs {

/// A file wrapper for `--no-sync`: syncs nothing where the program was told so, before any file.
template <bobbin::FilePolicy Next>
class SyncedOnRequest {
public:
    using policy_concept = bobbin::file_policy_tag;
    using directory_type = typename Next::directory_type;

    static inline bool syncs = true;  ///< set by the command line

    SyncedOnRequest() = default;
    explicit SyncedOnRequest(Next next) noexcept : next_{std::move(next)} {}

    bobbin::Result<std::size_t> append(bobbin::ByteView bytes) noexcept {
        return next_.append(bytes);
    }
    bobbin::Result<void> flush() noexcept { return next_.flush(); }
    bobbin::SyncResult sync() noexcept {
        if (syncs) return next_.sync();
        if (auto flushed = next_.flush(); !flushed)
            return bobbin::SyncResult::failed(flushed.error());
        return bobbin::SyncResult::durable();  // what is told to the user says that it is not
    }
    bobbin::Result<void> close() noexcept { return next_.close(); }
    bobbin::Bytes size() const noexcept { return next_.size(); }

    Next& next_layer() noexcept { return next_; }
    const Next& next_layer() const noexcept { return next_; }

private:
    Next next_;
};

}  // namespace packs

#endif
