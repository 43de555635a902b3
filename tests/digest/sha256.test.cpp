#include <bobbin/digest/sha256.hpp>

#include <bobbin/digest/blocks.hpp>

#include "hex.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <vector>

using namespace bobbin;
using bobbin_tests::hex;

BOOST_AUTO_TEST_SUITE(digest_sha256)

// The examples that NIST publishes for FIPS 180-4.
BOOST_AUTO_TEST_CASE(vectors_of_the_standard) {
    BOOST_TEST(hex(digest_of<Sha256>({})) ==
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    BOOST_TEST(hex(digest_of<Sha256>(as_bytes("abc"))) ==
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    BOOST_TEST(hex(digest_of<Sha256>(
                   as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))) ==
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    Sha256 million;
    for (int n = 0; n < 1000; ++n) million.update(as_bytes(std::string(1000, 'a')));
    BOOST_TEST(hex(million.finish()) ==
               "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// As the digest of an object: over the list of its blocks.
BOOST_AUTO_TEST_CASE(guards_the_blocks_of_an_object) {
    std::vector<std::byte> bytes(digest_block_size + 17, std::byte{3});
    BlockDigests<Sha256> blocks;
    blocks.update(ByteView{bytes}.first(1000));
    blocks.update(ByteView{bytes}.subspan(1000));
    auto list = join_digest_pieces(blocks.piece_from(0), Sha256::size);
    BOOST_REQUIRE(list);
    BOOST_TEST(list->size() == 2 * Sha256::size);
    BOOST_TEST(is_list_of<Sha256>(*list, Bytes{bytes.size()}, blocks.finish()));
    const auto second = ByteView{bytes}.subspan(digest_block_size);
    BOOST_TEST(is_block_of<Sha256>(*list, 1, second));
    bytes.back() ^= std::byte{1};
    BOOST_TEST(!is_block_of<Sha256>(*list, 1, second));
}

BOOST_AUTO_TEST_SUITE_END()
