//! Answers as brokers gave them, in the shapes that their sources and manuals show.

use super::served::{Served, answer, json};
use super::*;

#[tokio::test]
async fn emqx_5_is_read_page_by_page() {
    let served = Served::bytes(|request| {
        assert!(request.starts_with("GET /api/v5/clients?page="), "{request}");
        json(if request.contains("page=1&") {
            r#"{"data":[
                {"clientid":"dev-persist","connected":false,"mqueue_len":8,"mqueue_max":1000,"mqueue_dropped":2,
                 "inflight_cnt":3,"inflight_max":32,"node":"emqx@127.0.0.1","username":"undefined"},
                {"clientid":"a/b\"c","connected":true,"mqueue_len":0,"mqueue_max":"infinity","mqueue_dropped":0,
                 "inflight_cnt":0}],
                "meta":{"count":4,"limit":1000,"page":1,"hasnext":true}}"#
        } else {
            r#"{"data":[
                {"clientid":"durable","connected":false,"mqueue_len":1,"mqueue_max":1000,"mqueue_dropped":0,
                 "inflight_cnt":0,"durable":true},
                {"clientid":"dev-persist","connected":true,"mqueue_len":7,"mqueue_max":1000,"mqueue_dropped":2,
                 "inflight_cnt":4},
                {"clientid":"new"}],
                "meta":{"count":4,"limit":1000,"page":2,"hasnext":false}}"#
        })
    });
    let known = |connected, inflight, limit, dropped, queue| Queue {
        connected: Some(connected),
        inflight: Some(inflight),
        limit_messages: limit,
        dropped: Some(dropped),
        ..queue
    };
    let durable = Queue { depth: None, ..known(false, 0, Some(1000), 0, queue("durable", 0)) };
    let wanted = [
        known(true, 4, Some(1000), 2, queue("dev-persist", 7)),
        known(true, 0, None, 0, queue("a/b\"c", 0)),
        durable,
        Queue { client_id: "new".into(), ..Queue::default() },
    ];
    assert_eq!(queues(Kind::Emqx(web(&served.url()))).await, wanted);
}

#[tokio::test]
async fn emqx_is_asked_anew_after_an_upgrade() {
    let upgraded = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_new = std::sync::Arc::clone(&upgraded);
    let served = Served::bytes(move |request| {
        let is_new = is_new.load(std::sync::atomic::Ordering::SeqCst);
        if request.starts_with("GET /api/v5") == is_new {
            json(r#"{"data":[{"clientid":"dev","mqueue_len":8}],"meta":{"hasnext":false,"count":1}}"#)
        } else {
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()
        }
    });
    let mut emqx = source(Kind::Emqx(web(&served.url())));
    assert_eq!(emqx.read(now()).await.unwrap().queues, [queue("dev", 8)]);
    upgraded.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(emqx.read(now()).await.unwrap().queues, [queue("dev", 8)], "at once");
    // And back again.
    upgraded.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(emqx.read(now()).await.unwrap().queues, [queue("dev", 8)]);
}

#[tokio::test]
async fn emqx_4_is_found_by_itself_and_remembered() {
    let served = Served::bytes(|request| {
        if request.starts_with("GET /api/v5") {
            return b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec();
        }
        assert!(request.starts_with("GET /api/v4/clients?_page=1&_limit=1000 "), "{request}");
        json(
            r#"{"code":0,"data":[{"clientid":"dev","connected":false,"inflight":1,"max_inflight":32,"mqueue_len":8,
                "max_mqueue":1000,"mqueue_dropped":0,"awaiting_rel":0}],"meta":{"page":1,"limit":1000,"count":1}}"#,
        )
    });
    let mut source = source(Kind::Emqx(web(&served.url())));
    let wanted = Queue {
        inflight: Some(1),
        limit_messages: Some(1000),
        connected: Some(false),
        dropped: Some(0),
        ..queue("dev", 8)
    };
    for _ in 0..2 {
        assert_eq!(source.read(now()).await.unwrap().queues, std::slice::from_ref(&wanted));
    }
    let none = Served::bytes(|_| b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec());
    let trouble = read(Kind::Emqx(web(&none.url()))).await.unwrap_err();
    assert!(trouble.cause.contains("/api/v5/clients answers 404"), "{trouble}");
}

#[tokio::test]
async fn ten_thousand_clients_come_in_pages_and_the_deepest_are_kept() {
    let served = Served::bytes(|request| {
        let page: usize = request.split("page=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
        let rows: Vec<String> = (0..1_000)
            .map(|row| (page - 1) * 1_000 + row)
            .map(|client| {
                format!(r#"{{"clientid":"c{client}","mqueue_len":{},"connected":false}}"#, client % 100)
            })
            .collect();
        json(&format!(r#"{{"data":[{}],"meta":{{"hasnext":{}}}}}"#, rows.join(","), page < 11))
    });
    let reading = limited(Kind::Emqx(web(&served.url())), 100).read(now()).await.unwrap();
    assert_eq!((reading.queues.len(), reading.refused), (100, 10_900));
    assert!(reading.queues.iter().all(|queue| queue.depth == Some(99)));
}

#[tokio::test]
async fn rmqtt_tells_a_list_and_is_asked_again_where_it_is_full() {
    let served = Served::bytes(|request| {
        let row = |client: &str, depth: u32| {
            format!(
                r#"{{"node_id":1,"clientid":"{client}","username":"undefined","connected":false,"inflight":0,
                    "max_inflight":16,"mqueue_len":{depth},"max_mqueue":1000,"subscriptions_cnt":1}}"#
            )
        };
        let rows: Vec<String> = if request.contains("_gte_mqueue_len=1") {
            vec![row("deep", 8)]
        } else {
            (0..10_000).map(|client| row(&format!("c{client}"), 0)).collect()
        };
        json(&format!("[{}]", rows.join(",")))
    });
    let queues = queues(Kind::Rmqtt(web(&format!("{}/api/v1/", served.url())))).await;
    let wanted =
        Queue { inflight: Some(0), limit_messages: Some(1000), connected: Some(false), ..queue("deep", 8) };
    assert_eq!((queues.len(), &queues[0]), (10_001, &wanted));
}

#[tokio::test]
async fn vernemq_tells_a_session_a_row_and_a_queue_once() {
    let served = Served::bytes(|request| {
        assert!(request.starts_with("GET /api/v1/session/show?--client_id&--mountpoint&--off"), "{request}");
        json(
            r#"{"type":"table","table":[
                {"client_id":"dev-off","mountpoint":"","offline_messages":8,"online_messages":0,"is_online":false},
                {"client_id":"twice","mountpoint":"","offline_messages":0,"online_messages":3,"is_online":true},
                {"client_id":"twice","mountpoint":"","offline_messages":0,"online_messages":3,"is_online":true},
                {"client_id":"twice","mountpoint":"b","offline_messages":"1","online_messages":"0","is_online":"false"},
                {"client_id":"going"}]}"#,
        )
    });
    let queues = queues(Kind::Vernemq(web(&served.url()))).await;
    let wanted = [
        Queue { connected: Some(false), ..queue("dev-off", 8) },
        Queue { connected: Some(true), ..queue("twice", 4) },
        Queue { client_id: "going".into(), ..Queue::default() },
    ];
    assert_eq!(queues, wanted);
    let empty = Served::bytes(|_| json(r#"[{"type":"table","table":[]}]"#));
    assert!(super::queues(Kind::Vernemq(web(&empty.url()))).await.is_empty());
}

#[tokio::test]
async fn rabbitmq_has_two_queues_a_client_and_ids_of_any_bytes() {
    let served = Served::bytes(|request| {
        assert!(request.starts_with("GET /api/queues/my%2Fhost?page="), "{request}");
        let mut body = br#"{"filtered_count":5,"item_count":2,"page":1,"page_count":1,"page_size":500,"total_count":9,"items":[
            {"name":"mqtt-subscription-dev-persistqos1","messages_ready":8,"messages_unacknowledged":2,"consumers":0,
             "message_bytes_ready":80,"type":"classic","arguments":{"x-expires":86400000,"x-max-length":100},
             "effective_policy_definition":{"max-length":50},"head_message_timestamp":null},
            {"name":"mqtt-subscription-dev-persistqos0","messages_ready":1,"messages_unacknowledged":0,"consumers":0,
             "message_bytes_ready":10,"type":"classic","arguments":{"x-max-length":7},"effective_policy_definition":[]},
            {"name":"mqtt-subscription-a-qos1-bqos1","messages_ready":3,"head_message_timestamp":1795246752},
            {"name":"mqtt-subscription-liveqos0","type":"rabbit_mqtt_qos0_queue"},
            {"name":"mqtt-subscription-freshqos1","type":"classic","arguments":{}},
            {"name":"mqtt-will-dev"},{"name":"mqtt-subscription-odd"#
            .to_vec();
        body.extend(b"\xFF\\u0001\\\"qos1\",\"messages_ready\":1}]}");
        answer(&body)
    });
    let kind = Kind::Rabbitmq { web: web(&served.url()), vhost: Some("my/host".into()) };
    let queues = queues(kind).await;
    let persist = Queue {
        inflight: Some(2),
        bytes: Some(90),
        limit_messages: Some(57),
        connected: Some(false),
        ..queue("dev-persist", 9)
    };
    let live = Queue { inflight: Some(0), bytes: Some(0), connected: Some(true), ..queue("live", 0) };
    let oldest = Some(Wall(1_795_246_752_000_000));
    let fresh = Queue { client_id: "fresh".into(), ..Queue::default() };
    let odd = queue("odd\\xFF\u{1}\"", 1);
    assert_eq!(queues, [persist, Queue { oldest, ..queue("a-qos1-b", 3) }, odd, live, fresh]);
}

#[tokio::test]
async fn nats_names_clients_by_a_hash_that_connections_explain() {
    let served = Served::bytes(|request| {
        json(if request.starts_with("GET /healthz?") {
            r#"{"status":"ok"}"#
        } else if request.starts_with("GET /jsz?") {
            r#"{"server_id":"X","config":{},"account_details":[{"name":"APP","id":"APP","stream_detail":[
                {"name":"$MQTT_sess","consumer_detail":[]},
                {"name":"$MQTT_msgs","consumer_detail":[
                  {"stream_name":"$MQTT_msgs","name":"2Bt8umKY_AAAA","num_ack_pending":1,"num_pending":5},
                  {"stream_name":"$MQTT_msgs","name":"2Bt8umKY_BBBB","num_ack_pending":1,"num_pending":3},
                  {"stream_name":"$MQTT_msgs","name":"abcdefgh_CCCC","num_ack_pending":0,"num_pending":2},
                  {"stream_name":"$MQTT_msgs","name":"somebody-elses","num_ack_pending":0,"num_pending":9}]}]}]}"#
        } else if request.contains("state=open") {
            r#"{"total":2,"connections":[{"cid":1,"type":"nats"},{"cid":5,"type":"mqtt","mqtt_client":"other"}]}"#
        } else {
            r#"{"total":1,"connections":[{"cid":4,"type":"mqtt","mqtt_client":"dev-persist","reason":"Client Closed"}]}"#
        })
    });
    let off = |depth, inflight, client: &str| Queue {
        inflight: Some(inflight),
        connected: Some(false),
        ..queue(client, depth)
    };
    let wanted = [off(8, 2, "dev-persist"), off(2, 0, "nats-hash:abcdefgh")];
    assert_eq!(queues(Kind::Nats(web(&served.url()))).await, wanted);
    let without = Served::bytes(|_| json(r#"{"disabled":true}"#));
    let trouble = read(Kind::Nats(web(&without.url()))).await.unwrap_err();
    assert!(trouble.cause.contains("no JetStream"), "{trouble}");
    let starting =
        Served::bytes(|_| b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_vec());
    let trouble = read(Kind::Nats(web(&starting.url()))).await.unwrap_err();
    assert!(trouble.cure.contains("being started"), "{trouble}");
}
