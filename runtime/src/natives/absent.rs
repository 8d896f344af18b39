//! Natives of parts that a build may leave out. Their names exist in every build; where the part
//! is missing, a call says so.

use super::args::Rest;
use super::{Cx, Effect, Native, Param};
use crate::error::{Error, Kind, Result};
use crate::value::Value;

/// What one cargo feature adds.
pub(super) struct Part {
    pub feature: &'static str,
    pub is_built: bool,
    pub names: &'static [&'static str],
}

macro_rules! parts {
    ($($feature:literal: $($name:ident)+;)+) => {
        /// Everything that a build may lack; a test compares it with the declarations.
        pub(super) const PARTS: &[Part] = &[$(
            Part {
                feature: $feature,
                is_built: cfg!(feature = $feature),
                names: &[$(stringify!($name)),+],
            },
        )+];
    };
}

parts! {
    "archives": unzip zip_add_dir zip_add_file zip_close zip_create zip_list;
    "crypto": aes_decrypt aes_decrypt_bytes aes_encrypt aes_encrypt_bytes constant_time_equal
        hash_password hmac_sha256 jwt_decode jwt_encode jwt_verify md5 md5_file oauth2_auth_url
        rsa_decrypt rsa_encrypt rsa_generate_keypair rsa_sign rsa_verify sha256 sha256_file sha512
        verify_password;
    "databases": db_begin db_close db_commit db_connect db_execute db_execute_script
        db_last_insert_id db_pool db_pool_acquire db_pool_close db_pool_release db_pool_stats
        db_query db_query_one db_rollback db_transaction;
    "http": async_http_get async_http_post async_http_request http_delete http_get
        http_get_binary http_get_stream http_head http_patch http_post http_put http_request
        oauth2_get_token parallel_http;
    "images": load_image;
    "network": http_listen http_server tcp_accept tcp_close tcp_connect tcp_listen tcp_receive
        tcp_receive_bytes tcp_send tcp_set_nonblocking tcp_set_timeout udp_bind udp_close
        udp_receive_from udp_send_to;
}

static PARAMS: &[Param] = &[Param::of::<Rest<'static>>("args")];

/// The natives of the missing parts, with any arguments.
pub(super) fn rows() -> impl Iterator<Item = Native> {
    let missing = PARTS.iter().filter(|part| !part.is_built);
    missing.flat_map(|part| part.names).map(|name| Native {
        name,
        module: "absent",
        params: PARAMS,
        n_required: 0,
        n_max: usize::MAX,
        result: "null",
        doc: "Not part of this build.",
        effect: Effect::Other,
        capability: None,
        alias_of: None,
        run,
    })
}

fn run(cx: &mut Cx<'_>, _: &mut [Value]) -> Result<Value> {
    let part = PARTS.iter().find(|part| part.names.contains(&cx.name));
    let feature = part.map_or("", |part| part.feature);
    let message = format!("{} is not part of this build (cargo feature '{feature}')", cx.name);
    Err(Error::new(Kind::NameError, message))
}

#[cfg(all(
    test,
    feature = "archives",
    feature = "crypto",
    feature = "databases",
    feature = "http",
    feature = "images",
    feature = "network"
))]
mod tests {
    use std::collections::BTreeSet;

    use super::PARTS;
    use crate::natives::native::Decl;
    use crate::natives::{
        archives, ciphers, database, digests, http_async, http_client, http_server, images, pool,
        sockets, tokens,
    };

    /// The lists above are what the files of each feature declare.
    #[test]
    fn every_part_is_listed() {
        let declared: [(&str, &[&[Decl]]); 6] = [
            ("archives", &[archives::TABLE]),
            ("crypto", &[ciphers::TABLE, digests::TABLE, tokens::TABLE]),
            ("databases", &[database::TABLE, pool::TABLE]),
            ("http", &[http_async::TABLE, http_client::TABLE]),
            ("images", &[images::TABLE]),
            ("network", &[http_server::TABLE, sockets::TABLE]),
        ];
        for ((feature, tables), part) in declared.into_iter().zip(PARTS) {
            let names = tables.iter().flat_map(|table| table.iter()).flat_map(|decl| decl.names);
            let names: BTreeSet<_> = names.collect();
            assert_eq!(part.feature, feature);
            assert_eq!(names, part.names.iter().collect::<BTreeSet<_>>(), "{feature}");
        }
        assert_eq!(PARTS.len(), declared.len());
    }
}
