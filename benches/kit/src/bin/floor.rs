//! The floor: a subscriber on the program's own client library that makes a document of every payload and does nothing with
//! it. `floor --port P --count N`; it ends when it has counted so many, or nothing came for two seconds.

use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use std::error::Error;
use std::time::Duration;
use watchkeeper_kit::argument;

fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(read())
}

async fn read() -> Result<(), Box<dyn Error>> {
    let mut options = MqttOptions::new("floor", "127.0.0.1", argument("port", 1883));
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut events) = AsyncClient::new(options, 16);
    client.subscribe("plant/#", QoS::AtMostOnce).await?;
    let wanted: u64 = argument("count", 1_000);
    let (mut seen, mut members, mut calm) = (0, 0, 0);
    while seen < wanted && calm < 2 {
        match tokio::time::timeout(Duration::from_secs(1), events.poll()).await {
            Ok(event) => {
                if let Event::Incoming(Incoming::Publish(publish)) = event? {
                    seen += 1;
                    calm = 0;
                    let document: sonic_rs::Value = sonic_rs::from_slice(&publish.payload)?;
                    members +=
                        sonic_rs::JsonContainerTrait::as_object(&document).map_or(0, |object| object.len());
                }
            }
            Err(_) => calm += u32::from(seen > 0),
        }
    }
    std::hint::black_box(members);
    println!("{seen}");
    Ok(())
}
