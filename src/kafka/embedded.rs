//! The broker inside librdkafka, for the demo: no Kafka needed, no durability given.
//!
//! It keeps a bounded log, shows aborted records and cannot create topics through the admin protocol
//! (engineering.md, K12); it proves nothing about exactly-once.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::admin::TopicPlan;
use super::broker::BrokerError;

/// A running embedded broker; ends when dropped.
pub struct EmbeddedBroker(MockCluster<'static, DefaultProducerContext>);

impl EmbeddedBroker {
    /// Starts it and creates `topics`, each with at most `max_partitions` partitions.
    pub fn start(topics: &[TopicPlan], max_partitions: i32) -> Result<Self, BrokerError> {
        let failed = |error: rdkafka::error::KafkaError| BrokerError::Fatal(format!("embedded broker: {error}").into());
        let cluster = MockCluster::new(1).map_err(failed)?;
        for topic in topics {
            cluster.create_topic(&topic.name, topic.partitions.min(max_partitions), 1).map_err(failed)?;
        }
        Ok(Self(cluster))
    }

    /// Its address.
    pub fn bootstrap_servers(&self) -> String {
        self.0.bootstrap_servers()
    }
}
