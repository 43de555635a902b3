#ifndef BOBBIN_FILE_NO_OP_HPP
#define BOBBIN_FILE_NO_OP_HPP

#include <bobbin/file/concept.hpp>

#include <utility>

namespace bobbin {

/// The null file wrapper: leaves write-back to the kernel, and compiles to nothing.
template <FilePolicy Next>
class NoOp {
public:
    using policy_concept = file_policy_tag;
    using directory_type = typename Next::directory_type;

    NoOp() = default;
    explicit NoOp(Next next) noexcept : next_{std::move(next)} {}

    Result<std::size_t> append(ByteView bytes) noexcept { return next_.append(bytes); }
    Result<void> flush() noexcept { return next_.flush(); }
    SyncResult sync() noexcept { return next_.sync(); }
    Result<void> close() noexcept { return next_.close(); }
    Bytes size() const noexcept { return next_.size(); }

    Next& next_layer() noexcept { return next_; }
    const Next& next_layer() const noexcept { return next_; }

private:
    Next next_;
};

}  // namespace bobbin

#endif
