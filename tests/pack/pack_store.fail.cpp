// expect: this digest may not decide what is a duplicate
// expect: may_not_decide_what_is_a_duplicate<[^>]*Xxh3
#include <bobbin/digest/sha256.hpp>
#include <bobbin/digest/xxh3.hpp>
#include <bobbin/pack/pack_store.hpp>
#include <bobbin/store/memory.hpp>

using namespace bobbin;

#ifdef BOBBIN_CONTROL
using Address = Sha256;
#else
using Address = Xxh3;
#endif

bool store(pack::PackStore<Address, MemoryStore>& packs, ByteView bytes) {
    return packs.add(bytes).has_value();
}
