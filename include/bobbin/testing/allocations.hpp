#ifndef BOBBIN_TESTING_ALLOCATIONS_HPP
#define BOBBIN_TESTING_ALLOCATIONS_HPP

#include <cstdint>
#include <utility>

namespace bobbin::testing {

namespace detail {
struct AllocationState {
    std::uint64_t count = 0;
    std::uint64_t fail_at = 0;  ///< 0: never
    bool for_ever = false;
    unsigned paused = 0;
};
inline thread_local AllocationState allocation_state;

/// Whether this allocation is to fail. Called by `operator new` of `bobbin::testing_interpose`.
inline bool allocation_fails() noexcept {
    auto& state = allocation_state;
    if (state.paused != 0) return false;
    ++state.count;
    if (state.fail_at == 0 || state.count < state.fail_at) return false;
    return state.for_ever || state.count == state.fail_at;
}
}  // namespace detail

/// While it lives, the `nth` allocation of this thread by `operator new` fails. Needs the test
/// program to link `bobbin::testing_interpose`.
class FailingAllocation {
public:
    explicit FailingAllocation(std::uint64_t nth, bool for_ever = false) noexcept
        : before_{std::exchange(detail::allocation_state, {0, nth, for_ever, 0})} {}
    FailingAllocation(const FailingAllocation&) = delete;
    FailingAllocation& operator=(const FailingAllocation&) = delete;
    ~FailingAllocation() { detail::allocation_state = before_; }

    bool failed() const noexcept { return count() >= detail::allocation_state.fail_at; }
    std::uint64_t count() const noexcept { return detail::allocation_state.count; }

private:
    detail::AllocationState before_;
};

/// While it lives, allocations of this thread neither count nor fail: those of the test machinery.
class UncountedAllocations {
public:
    UncountedAllocations() noexcept { ++detail::allocation_state.paused; }
    UncountedAllocations(const UncountedAllocations&) = delete;
    UncountedAllocations& operator=(const UncountedAllocations&) = delete;
    ~UncountedAllocations() { --detail::allocation_state.paused; }
};

}  // namespace bobbin::testing

#endif
