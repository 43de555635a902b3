#include <bobbin/testing/allocations.hpp>

#include <bobbin/testing/sim_fs.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>
#include <new>
#include <vector>

using namespace bobbin::testing;

namespace {
// Through a pointer the compiler can't see through, so that no allocation is left out.
bool allocates() {
    auto* volatile memory = new (std::nothrow) int{1};
    delete memory;
    return memory != nullptr;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(testing_allocations)

BOOST_AUTO_TEST_CASE(the_nth_allocation_fails_once) {
    const FailingAllocation failing{2};
    const bool first = allocates(), second = allocates(), third = allocates();
    const bool failed = failing.failed();
    const UncountedAllocations uncounted;
    BOOST_TEST((first && !second && third && failed));
}

BOOST_AUTO_TEST_CASE(or_for_ever) {
    bool first = false, second = false, third = false, thrown = false;
    {
        const FailingAllocation failing{2, true};
        first = allocates();
        second = allocates();
        third = allocates();
        try {
            std::vector<int> numbers(10);
            auto* volatile seen = numbers.data();
            (void)seen;
        } catch (const std::bad_alloc&) {
            thrown = true;
        }
    }
    BOOST_TEST((first && !second && !third && thrown));
    BOOST_TEST(allocates());
}

BOOST_AUTO_TEST_CASE(those_of_the_machinery_do_not_count) {
    SimFs fs;
    std::uint64_t counted = 0;
    bool opened = false;
    {
        const FailingAllocation failing{1, true};
        opened = fs.open_root("/sim/a/path/that/is/too/long/for/a/small/string",
                              bobbin::RootMode::create_if_missing)
                     .has_value();
        counted = failing.count();
    }
    BOOST_TEST(opened);
    BOOST_TEST(counted == 0u);
}

BOOST_AUTO_TEST_CASE(aligned_memory_is_aligned_and_fails_as_well) {
    struct alignas(64) Wide {
        char bytes[64];
    };
    const auto wide = std::make_unique<Wide>();
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(wide.get()) % 64 == 0u);
    bool failed = false;
    {
        const FailingAllocation failing{1};
        auto* volatile memory = new (std::nothrow) Wide;
        failed = memory == nullptr;
        delete memory;
    }
    BOOST_TEST(failed);
}

BOOST_AUTO_TEST_SUITE_END()
